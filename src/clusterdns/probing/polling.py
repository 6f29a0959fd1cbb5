"""The agent's `poll`: servers asked again and again, and every answer that differs from the one before."""

import base64
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from clusterdns.probing.operations import Operation
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import DNS_PORT


@dataclass(frozen=True, slots=True)
class PollTarget:
    """A server that is asked.

    Attributes:
        address: The server's.
        wires: The messages that it is sent, in turn; the last one from then on.
        port: The server's.
    """

    address: str
    wires: Sequence[bytes]
    port: int = DNS_PORT


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """An answer that is not like the one before it.

    Attributes:
        target: Which of the targets gave it.
        sent_ns: When its query was sent, by this machine's clock.
        wire: The answer.
    """

    target: int
    sent_ns: int
    wire: bytes


@dataclass(frozen=True, slots=True)
class PollCounts:
    """How often a target was asked, and has answered.

    Attributes:
        target: Which of the targets.
        queries: How many were sent.
        answers: How many came.
    """

    target: int
    queries: int
    answers: int


class Polling:
    """Polling that goes on. Close it, or use it as a context manager."""

    def __init__(self, operation: Operation) -> None:
        """Take over an operation, once every target has been asked.

        Raises:
            ProbeError: it failed before that.
        """
        self._operation = operation
        # The node's clock against ours; the line takes a few milliseconds at most.
        self._ahead_ns = int(operation.ready()["now_ns"]) - time.time_ns()

    def answers(self) -> Iterator[ChangedAnswer | PollCounts]:
        """Yield every changed answer as it comes, and at the end the counts of each target.

        Raises:
            ProbeError: the agent failed, or fell silent.
        """
        for answer in self._operation.answers():
            if "wire" in answer:
                yield ChangedAnswer(
                    target=answer["target"],
                    sent_ns=answer["sent_ns"] - self._ahead_ns,
                    wire=base64.b64decode(answer["wire"]),
                )
            else:
                yield PollCounts(answer["target"], answer["sent"], answer["received"])

    def stop(self) -> None:
        """Ask the agent to come to its end."""
        self._operation.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._operation.close()


def poll(
    prober: Prober, pod: ProbePod, targets: Sequence[PollTarget], *, interval: float, seconds: float
) -> Polling:
    """Begin to poll from a pod; return once every target has been asked.

    Args:
        prober: Runs the operation.
        pod: Asks.
        targets: Whom.
        interval: Seconds from one query to a target to the next.
        seconds: After which it ends by itself.

    Raises:
        ProbeError: the agent failed.
    """
    request = {
        "targets": [
            {
                "address": target.address,
                "port": target.port,
                "wires": [base64.b64encode(wire).decode() for wire in target.wires],
            }
            for target in targets
        ],
        "interval": interval,
        "seconds": seconds,
    }
    operation = prober.open(pod, "poll", request)
    try:
        return Polling(operation)
    except BaseException:
        operation.close()
        raise
