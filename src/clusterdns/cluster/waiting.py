"""Waiting for something that comes about by itself, up to a deadline."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

from clusterdns.errors import DeadlineExceeded

_EVERY = 0.2  # seconds between looks: short against a pod's start, long against an API call

T = TypeVar("T")


class NotYet(Exception):  # noqa: N818 - not an error: the reason to look again
    """What was looked for is not there yet; the message is the state seen."""


def wait_until(look: Callable[[], T], *, what: str, timeout: float, every: float = _EVERY) -> T:
    """Return what `look` returns, once it no longer raises `NotYet`.

    Args:
        look: looks once; any other exception ends the wait.
        what: what is waited for, for the message.
        timeout: seconds.
        every: seconds between looks.

    Raises:
        DeadlineExceeded: it did not come about; the message carries the last state seen.
    """
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotYet),
        stop=tenacity.stop_after_delay(timeout),
        wait=tenacity.wait_fixed(every),
        reraise=True,
    )
    try:
        return waiting(look)
    except NotYet as state:
        raise DeadlineExceeded(f"{what}: not within {timeout:g} s; last seen: {state}") from None
