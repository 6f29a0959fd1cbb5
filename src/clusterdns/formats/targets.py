"""Prometheus' list of targets -> targets, one by one as they arrive: there may be a hundred thousand."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from clusterdns.model.scraping import Target

_BEGIN = re.compile(r'"activeTargets"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_PORTS = {"http": 80, "https": 443}


class TargetsError(ValueError):
    """The text is no list of targets; the message says how it begins, or where it ends."""


def read_targets(chunks: Iterable[bytes]) -> Iterator[Target]:
    """Yield the targets of an answer to /api/v1/targets?state=active.

    Args:
        chunks: The answer's body in pieces of any size.

    Raises:
        TargetsError: It is something else, or broke off.
    """
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    decoder = json.JSONDecoder()
    text, begun = "", False
    for chunk in chunks:
        text += decode(chunk)
        if not begun:
            if not (begin := _BEGIN.search(text)):
                if len(text) > 1 << 12:
                    break
                continue
            text, begun = text[begin.end() :], True
        at = 0
        while True:
            between = _BETWEEN.match(text, at)
            at = between.end() if between else at
            if text[at : at + 1] == "]":
                return
            try:
                one, at = decoder.raw_decode(text, at)
            except ValueError:  # the rest of it has not arrived
                break
            except RecursionError:
                raise TargetsError("a target is nested too deeply") from None
            yield _target(one)
        text = text[at:]
    if begun:
        raise TargetsError("the list of targets breaks off")
    raise TargetsError(f"no list of targets but {' '.join(text[:80].split()) or 'nothing'!r}")


def _target(one: Any) -> Target:  # noqa: ANN401 - JSON
    if not isinstance(one, dict):
        raise TargetsError(f"among the targets is {str(one)[:80]!r}")
    texts = {name: value for name, value in one.items() if isinstance(value, str)}
    labels = one.get("labels")
    host, port = "", 0
    with suppress(ValueError):  # no URL, or a port that is none
        url = urlsplit(texts.get("scrapeUrl", ""))
        host = url.hostname or ""
        port = url.port or _PORTS.get(url.scheme, 0)
    return Target(
        pool=texts.get("scrapePool", ""),
        host=host,
        port=port,
        healthy={"up": True, "down": False}.get(texts.get("health", "")),
        error=texts.get("lastError", ""),
        labels=labels if isinstance(labels, dict) else {},
    )
