"""Requests to one API server: authenticated, within a deadline, made again where that is safe.

Every request that the suite makes may be made again: what reads and what deletes by
itself, a patch since it sets fixed values, a creation since a second one of the same name
is refused, which tells the caller (`AlreadyExists.repeated`).
"""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import kubernetes.client
import urllib3
import websocket
from urllib3.exceptions import HTTPError, ReadTimeoutError

from clusterdns.cluster.exec import ExecSession, open_session
from clusterdns.cluster.http import arriving, bounded, cause, whole
from clusterdns.cluster.refusals import failure, status_of
from clusterdns.cluster.retrying import BUSY, Transient, is_transient, retried, retry_after
from clusterdns.errors import AlreadyExists, ClusterError, HarnessError

_METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
_NOT_FOUND = 404

Query = Mapping[str, str | None]


class Transport:
    """The way to an API server.

    Every method raises ClusterError, PermissionMissing or AdmissionRefused, and nothing of urllib3's.
    """

    def __init__(
        self, client: kubernetes.client.ApiClient, context: str, timeout: float, tls: ssl.SSLContext
    ) -> None:
        """Send nothing yet.

        Args:
            client: Knows credentials and proxy.
            context: Of the kubeconfig, for messages.
            timeout: Seconds for a request and its answer, all attempts together.
            tls: What connections are encrypted with.
        """
        self._configuration = client.configuration
        self._tls = tls
        self._pool = bounded(client.rest_client.pool_manager, tls)
        self._context = context
        self._timeout = timeout
        self.host: str = client.configuration.host

    def send(  # noqa: PLR0913 - all that a request is made of
        self,
        verb: str,
        path: str,
        what: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        missing_ok: bool = False,
    ) -> tuple[int, bytes]:
        """Return status and body of the answer to a request, which succeeded or found nothing.

        Args:
            verb: "get", "list", "create", "patch" or "delete".
            path: Of the API.
            what: Words for messages.
            query: Arguments; those that are None are left out.
            body: Is sent as JSON.
            missing_ok: Whether 404 is an answer, not an error.
        """
        attempts = 0

        def attempt(left: float) -> tuple[int, bytes]:
            nonlocal attempts
            attempts += 1
            try:
                response = self._open(verb, path, urllib3.Timeout(total=left), query=query, body=body)
                answer = whole(response)
            except ReadTimeoutError:
                raise self._unreachable(f"timed out: no whole answer within {self._timeout:g} s") from None
            except (HTTPError, OSError) as error:
                raise Transient(self._unreachable(cause(error))) from None
            if response.status < 300 or (response.status == _NOT_FOUND and missing_ok):  # noqa: PLR2004 - HTTP's own
                return response.status, answer
            refusal = self._failure(response, answer, verb, path, what)
            if isinstance(refusal, AlreadyExists):
                refusal.repeated = attempts > 1
            raise refusal

        return retried(attempt, self._timeout)

    def answers(self, path: str, within: float) -> bool:
        """Return whether the API server answers a GET at all, whatever it says, at the first attempt."""
        try:
            whole(self._open("get", path, urllib3.Timeout(total=within)))
        except (HTTPError, OSError, Transient, HarnessError):
            return False
        return True

    def chunks(self, path: str, query: Query | None, *, seconds: float, what: str) -> Iterator[bytes]:
        """Yield the answer to a GET piece by piece.

        Raises:
            DeadlineExceeded: it was not whole within `seconds`.
        """

        def send() -> urllib3.BaseHTTPResponse:
            return retried(
                lambda left: self._open(
                    "get", path, urllib3.Timeout(connect=left, read=seconds), query=query
                ),
                min(seconds, self._timeout),
            )

        def refused(status: int, body: bytes) -> HarnessError:
            return failure(status, self._said(body), "get", what, self._context)

        yield from arriving(send, refused, what, seconds)

    def start(self, path: str, query: Sequence[tuple[str, str]], what: str) -> ExecSession:
        """Start the program that an exec path names.

        A refusal by a server in trouble comes before the program starts, so the start is made again.
        """

        def attempt(left: float) -> ExecSession:
            where = f"{path}?{urlencode(query)}"
            try:
                return open_session(self._configuration, self._tls, where, self._headers(), what, left)
            except websocket.WebSocketBadStatusException as error:
                said = self._said(error.resp_body)
                refusal = failure(error.status_code, said, "start", what, self._context)
                if is_transient(error.status_code) and type(refusal) is ClusterError:
                    after = (error.resp_headers or {}).get("retry-after")
                    raise Transient(refusal, retry_after(after)) from None
                raise refusal from None
            except (websocket.WebSocketException, OSError) as error:
                raise Transient(self._unreachable(cause(error))) from None

        return retried(attempt, self._timeout)

    def _failure(
        self, response: urllib3.BaseHTTPResponse, body: bytes, verb: str, path: str, what: str
    ) -> Exception:
        error = failure(response.status, self._said(body), verb, what, self._context)
        # What a page behind the API server answers is the page's: it is what was asked for.
        proxied = "/proxy/" in path and response.status != BUSY
        if is_transient(response.status) and type(error) is ClusterError and not proxied:
            return Transient(error, retry_after(response.headers.get("retry-after")))
        return error

    def _said(self, body: bytes | None) -> Mapping[str, Any]:
        """Return the words of a refusal, without the token: what lies in between may echo a request."""
        token = self._headers().get("authorization", "").rpartition(" ")[2].encode()
        return status_of(body.replace(token, b"(token)") if body and token else body)

    def _open(
        self,
        verb: str,
        path: str,
        timeout: urllib3.Timeout,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Return the response to one request, whatever its status, with its body to be read yet.

        Raises:
            Transient: it could not be sent, or the connection broke.
            urllib3.exceptions.ReadTimeoutError: no answer began in time.
        """
        sort = "strategic-merge-patch+json" if verb == "patch" else "json"
        arguments = urlencode({name: value for name, value in (query or {}).items() if value is not None})
        try:
            return self._pool.request(
                _METHODS[verb],
                f"{self.host}{path}{'?' if arguments else ''}{arguments}",
                headers={
                    **self._headers(),
                    "accept": "application/json, */*",
                    "content-type": f"application/{sort}",
                },
                body=json.dumps(body).encode() if body is not None else None,
                timeout=timeout,
                retries=False,
                preload_content=False,
            )
        except ReadTimeoutError:
            raise
        except (HTTPError, OSError) as error:
            raise Transient(self._unreachable(cause(error))) from None

    def _headers(self) -> dict[str, str]:
        bearer = self._configuration.auth_settings().get("BearerToken")
        if not bearer:
            return {}
        value = " ".join(str(bearer["value"]).split())  # of a file or a plugin, with its last newline
        if not value.isascii() or not value.isprintable():  # urllib3 would quote it
            raise ClusterError(
                f"the token of context {self._context} is none: one word of visible characters"
            )
        return {"authorization": value}

    def _unreachable(self, cause: str) -> ClusterError:
        return ClusterError(
            f"cannot reach the API server {self.host} of context {self._context}: {cause}; "
            "check that the cluster runs and can be reached from here"
        )
