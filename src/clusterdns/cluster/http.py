"""What answers by HTTP share: bodies that arrive within a deadline, and errors in one phrase."""

import time
from collections.abc import Callable, Iterator

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from clusterdns.errors import ClusterError, DeadlineExceeded, HarnessError

_CHUNK = 1 << 16  # bytes


def arriving(
    send: Callable[[], urllib3.BaseHTTPResponse],
    refused: Callable[[int, bytes], HarnessError],
    what: str,
    seconds: float,
) -> Iterator[bytes]:
    """Yield the body of a response piece by piece, within a deadline.

    Args:
        send: sends the request; its errors are passed on, but for urllib3's ReadTimeoutError.
        refused: makes the error that a status of 300 or more means.
        what: words for messages.
        seconds: for all of it.
    """
    until = time.monotonic() + seconds
    try:
        response = send()
    except ReadTimeoutError:
        raise _late(what, seconds) from None
    try:
        if response.status >= 300:  # noqa: PLR2004 - HTTP's own
            raise refused(response.status, response.read(_CHUNK))
        for chunk in response.stream(_CHUNK):
            yield chunk
            if time.monotonic() > until:
                raise _late(what, seconds)
    except ReadTimeoutError:
        raise _late(what, seconds) from None
    except (HTTPError, OSError) as error:
        raise ClusterError(f"{what}: the answer broke off: {cause(error)}; run again") from None
    finally:
        response.close()


def _late(what: str, seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"{what} did not answer whole within {seconds:g} s: look at its load, or raise --prometheus-timeout"
    )


def cause(error: Exception) -> str:
    """Return the one phrase in a chain of urllib3's errors that a reader needs."""
    while error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    if isinstance(error, SSLError):
        return f"TLS failed: {error}"
    return str(error).rpartition(": ")[2] or type(error).__name__
