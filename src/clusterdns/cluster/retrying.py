"""Requests made again where the API server is in trouble for a moment, within the deadline of the request.

An API server that restarts refuses connections for seconds, one that is busy answers 429
with Retry-After, and one whose etcd elects a leader answers 500.
Source: k8s.io/apimachinery pkg/api/errors (SuggestsClientDelay), client-go rest (request.go, withRetry).
"""

import time
from collections.abc import Callable
from typing import TypeVar

import tenacity

from clusterdns.errors import HarnessError

BUSY = 429
_TRANSIENT = {BUSY, 500, 502, 503, 504}

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.0  # seconds: an outage of three seconds is noticed within one of its end

T = TypeVar("T")


class Transient(Exception):  # noqa: N818 - not an error yet: the reason to ask again
    """What may go away by itself.

    Attributes:
        error: What to raise where it does not.
        after: Seconds to wait at least, as the server asks; 0 where it does not.
    """

    def __init__(self, error: HarnessError, after: float = 0) -> None:
        """Take the error."""
        super().__init__(str(error))
        self.error = error
        self.after = after


def is_transient(status: int) -> bool:
    """Return whether an HTTP status tells of trouble that may go away by itself."""
    return status in _TRANSIENT


def retry_after(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for; 0 where it names none (RFC 9110 10.2.3)."""
    return float(header) if header and header.isascii() and header.isdigit() else 0


def retried(attempt: Callable[[float], T], seconds: float) -> T:
    """Return what `attempt` returns, once it no longer raises `Transient`.

    Args:
        attempt: Takes the seconds that are left.
        seconds: For all attempts together.

    Raises:
        HarnessError: the error of the last attempt that fits.
    """
    until = time.monotonic() + seconds
    growing = tenacity.wait_exponential(_FIRST_WAIT, max=_LONGEST_WAIT) + tenacity.wait_random(0, _FIRST_WAIT)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(growing(state), error.after if isinstance(error, Transient) else 0)

    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        stop=tenacity.stop_before_delay(seconds),
        wait=wait,
        reraise=True,
    )
    try:
        return trying(lambda: attempt(max(until - time.monotonic(), 0.001)))
    except Transient as last:
        raise last.error from None
