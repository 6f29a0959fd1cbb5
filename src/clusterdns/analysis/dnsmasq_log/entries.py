"""From a collector's lines to dnsmasq's own: `[stamp] dnsmasq[PID]: SERIAL ADDRESS/PORT …`.

What stands before dnsmasq's text is left there, as the stamp is read out of it; JSON is unpacked.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

PROGRAM = b"dnsmasq["

_REQUEST = rb"(?P<serial>\d+) (?P<client>[0-9a-fA-F.:]+/\d+ )"
# Who wrote the line: as syslog has it, as RFC 5424 has it, nobody (journalctl -o cat).
_WRITER = (
    rb"(?:dnsmasq(?:[-.@][\w.@-]*)?(?:\[(?P<pid>\d*)\])?:"
    rb"|dnsmasq (?P<field>\d+|-) \S+ (?:-|\[.*\])(?: \xef\xbb\xbf)?|^)"
)
# FTL tells the transport before the serial.
_ENTRY = re.compile(_WRITER + rb" ?(?:(?:TCP|UDP) )?" + _REQUEST)
_TEXTS = ("textPayload", "log", "message", "MESSAGE", "msg", "line", "body", "text")
_STAMPS = ("timestamp", "time", "ts", "@timestamp", "__REALTIME_TIMESTAMP", "receiveTimestamp")
_INSIDE = ("jsonPayload", "_source", "fields", "result", "data")
_DIGITS_OF_NANOSECONDS, _DIGITS_OF_MICROSECONDS = 19, 16
_BOM = b"\xef\xbb\xbf"
_RECORD_SEPARATOR, _EVENT = b"\x1e", b"data: "  # journalctl -o json-seq (RFC 7464), -o json-sse


def entries(line: bytes) -> Iterator[bytes]:
    """Yield the entries of a line in dnsmasq's own form; the line as it is where there is none.

    A blank line has nothing to yield.
    """
    line = line.removeprefix(_BOM).lstrip(_RECORD_SEPARATOR).removeprefix(_EVENT).strip()
    if not line:
        return
    if line.startswith(b"{") and line.rstrip(b",").endswith(b"}"):
        line = _unpacked(line.rstrip(b",")) or line
    matches = list(_ENTRY.finditer(line))
    if not matches:
        yield line
        return
    begin = 0
    for match, after in zip(matches, [*matches[1:], None], strict=True):
        end = len(line) if after is None else _boundary(line, match.end(), after.start())
        pid = match["pid"] or (match["field"] or b"").strip(b"-")
        head, tail = line[begin : match.start()], line[match.end() : end].rstrip()
        yield b"%sdnsmasq[%s]: %s %s%s" % (head, pid, match["serial"], match["client"], tail)
        begin = end


_BEFORE_ENTRY = re.compile(rb"(?:[IWEF]\d{4} \d\d:|\d{4}-\d\d-\d\dT|[A-Z][a-z]{2} [ \d]\d \d\d:)")


def _boundary(line: bytes, start: int, end: int) -> int:
    """Return where the second of two entries in one line begins: at its stamp, if it has one."""
    stamp = _BEFORE_ENTRY.search(line, start, end)
    return stamp.start() if stamp else end


def _unpacked(line: bytes) -> bytes | None:
    """Return the text of a JSON object, behind its stamp; None where it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    values = dict(found)
    for name in _INSIDE:
        if isinstance(inner := found.get(name), dict):
            values |= inner
    text = next((values[name] for name in _TEXTS if isinstance(values.get(name), str)), None)
    if text is None:
        return None
    if "SYSLOG_IDENTIFIER" in values:  # journalctl -o json
        text = (
            f"{values['SYSLOG_IDENTIFIER']}[{values.get('_PID') or values.get('SYSLOG_PID') or ''}]: {text}"
        )
    stamp = next((values[name] for name in _STAMPS if name in values), "")
    return f"{_written(stamp)} {' '.join(text.split())}".strip().encode("utf-8", "surrogateescape")


def _written(stamp: object) -> str:
    """Write a stamp in the form of RFC 3339, from that or from a number since 1970."""
    text = str(stamp)
    digits = text.partition(".")[0]
    if not digits.isdecimal() or len(digits) > _DIGITS_OF_NANOSECONDS:
        return text if len(text) < len("2026-06-12T10:20:30.000000000+02:00 ") else ""
    try:
        if len(digits) >= _DIGITS_OF_MICROSECONDS:
            microseconds = int(digits) // 10 ** (len(digits) - _DIGITS_OF_MICROSECONDS)
        else:
            microseconds = int(float(text) * (1e3 if len(digits) > 10 else 1e6))  # noqa: PLR2004 - digits of seconds
        return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
