"""Values in a Corefile, as Go reads them. One that is not known (see `words.is_known`) is taken for right.

Source: Go's strconv (Atoi, ParseUint) and time (ParseDuration).
"""

import re

from clusterdns.formats.words import is_known
from clusterdns.formats.zones import host_port

_LARGEST = 2**63 - 1
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_LONGEST = 2**63 / 1e9  # seconds: what 63 bits of nanoseconds hold


def integer(text: str, least: int | None = None, most: int = _LARGEST) -> int | None:
    """Return a number; None where it is not known.

    Raises:
        ValueError: it is none, or not between `least` and `most`.
    """
    if not is_known(text):
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,25}", text):
        raise ValueError(f"{text!r} is no number")
    number = int(text)
    if number > most or number < (-_LARGEST - 1 if least is None else least):
        raise ValueError(f"{text} is too {'large' if number > most else 'small'}")
    return number


def counted(text: str, bits: int = 32) -> int | None:
    """Return a number without a sign that fits so many bits; None where it is not known.

    Raises:
        ValueError: it is none.
    """
    if is_known(text) and not text[:1].isdigit():
        raise ValueError(f"{text!r} is no number without a sign")
    return integer(text, 0, 2**bits - 1)


def seconds(text: str, least: float | None = 0.0) -> float | None:
    """Return a duration such as "1m30s" in seconds; None where it is not known.

    Raises:
        ValueError: it is none, or less than `least`.
    """
    if not is_known(text):
        return None
    sign, unsigned = (-1.0 if text.startswith("-") else 1.0), re.sub(r"\A[+-]", "", text)
    parts = _DURATION.findall(unsigned)
    if unsigned != "0" and (not parts or "".join(number + unit for number, unit in parts) != unsigned):
        raise ValueError(f"{text!r} is no duration such as 10s")
    total = sign * sum(float(number) * _UNITS[unit] for number, unit in parts)
    if abs(total) >= _LONGEST:
        raise ValueError(f"{text} is too long")
    if least is not None and total < least:
        raise ValueError(f"{text} is too short")
    return total


def listener(text: str) -> None:
    """Make sure that a text is "host:port".

    Raises:
        ValueError: it is not.
    """
    if is_known(text) and host_port(text) is None:
        raise ValueError(f"{text!r} is no address with a port")


def choice(text: str, *choices: str) -> None:
    """Make sure that a text is one of several.

    Raises:
        ValueError: it is not.
    """
    if is_known(text) and text not in choices:
        raise ValueError(f"{text!r} is none of {', '.join(choices)}")
