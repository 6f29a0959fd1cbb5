"""Prometheus' list of targets -> targets, one by one as they arrive: there may be a hundred thousand."""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from clusterdns.model.scraping import Target

_BEGIN = '"activeTargets":['
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
            before, begun_at, after = text.partition(_BEGIN)
            if not begun_at:
                if len(before) > 1 << 12:
                    break
                continue
            text, begun = after, True
        at = 0
        while True:
            at += len(text[at:]) - len(text[at:].lstrip(", \n")) if text[at : at + 1] in ", \n" else 0
            if text[at : at + 1] == "]":
                return
            try:
                one, at = decoder.raw_decode(text, at)
            except ValueError:  # the rest of it has not arrived
                break
            yield _target(one)
        text = text[at:]
    if begun:
        raise TargetsError("the list of targets breaks off")
    raise TargetsError(f"no list of targets but {' '.join(text[:80].split()) or 'nothing'!r}")


def _target(one: dict[str, Any]) -> Target:
    url = urlsplit(one.get("scrapeUrl", ""))
    try:
        port = url.port or _PORTS.get(url.scheme, 0)
    except ValueError:
        port = 0
    return Target(
        pool=one.get("scrapePool", ""),
        host=url.hostname or "",
        port=port,
        healthy={"up": True, "down": False}.get(one.get("health", "")),
        error=one.get("lastError", ""),
        labels=one.get("labels") or {},
    )
