"""An operation of the agent that runs in a pod: it answers in JSON lines until it is done."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

from clusterdns.cluster.exec import ExecSession
from clusterdns.errors import ProbeError

Answer = dict[str, Any]


class Operation:
    """An operation that runs in a pod. Close it, or use it as a context manager."""

    def __init__(
        self,
        session: ExecSession,
        what: str,
        timeout: float,
        explaining: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Take over a session.

        Args:
            session: In which it runs.
            what: The operation and its pod, for messages.
            timeout: Seconds of silence after which it is given up.
            explaining: Makes a block in which what explains a failure replaces it (`Losses.explaining`).
        """
        self._session = session
        self._what = what
        self._timeout = timeout
        self._explaining = explaining

    def ready(self) -> Answer:
        """Wait until the operation says that it is ready; return what it says besides.

        Raises:
            ProbeError: it says something else, or nothing.
        """
        answer = self._next()
        if not answer.get("ready"):
            raise ProbeError(f"{self._what}: said {json.dumps(answer)[:200]} before it was ready")
        return answer

    def tell(self, **message: object) -> None:
        """Send the operation another line."""
        with self._explaining():
            self._session.write_line(json.dumps(message))

    def stop(self) -> None:
        """Ask the operation to come to its end."""
        self.tell(stop=True)

    def collect(self) -> list[Answer]:
        """Return every answer up to the end of the operation.

        Raises:
            ProbeError: it failed, or ended without saying that it was done.
        """
        return list(self.answers())

    def answers(self) -> Iterator[Answer]:
        """Yield every answer as it comes.

        Raises:
            ProbeError: as `collect`.
        """
        while not (answer := self._next()).get("done"):
            yield answer
        if status := self._session.returncode(self._timeout):
            raise ProbeError(
                f"{self._what}: ended with status {status}: {self._session.stderr or 'no message'}"
            )

    def so_far(self) -> list[Answer]:
        """Return the answers that have come and were not taken yet, without waiting for another.

        Raises:
            ProbeError: one of them tells of a failure.
        """
        return [self._answer(line) for line in self._session.read_lines_so_far(self._timeout)]

    def close(self) -> None:
        """End the operation, done or not."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self) -> Answer:
        with self._explaining():
            return self._answer(self._line())

    def _line(self) -> str:
        line = self._session.read_line(self._timeout)
        if line is None:
            status = self._session.returncode(self._timeout)
            said = self._session.stderr.rpartition("\n")[2] or "nothing on standard error"
            raise ProbeError(f"{self._what}: ended with status {status} before it was done: {said}")
        return line

    def _answer(self, line: str) -> Answer:
        try:
            answer = json.loads(line)
        except ValueError:
            raise ProbeError(f"{self._what}: answered with no JSON: {line[:200]!r}") from None
        if "error" in answer:
            raise ProbeError(f"{self._what}: {answer['error']}")
        return dict(answer)
