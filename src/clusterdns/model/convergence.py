"""How long a change takes until it is seen along a path."""

from dataclasses import dataclass

from clusterdns.model.exchange import Path


@dataclass(frozen=True, slots=True)
class Convergence:
    """What one path showed of one change.

    Attributes:
        path: The path, asked again and again.
        change: In words, e.g. "created 1".
        seconds: From when the API server was asked for the change until a query was sent whose answer shows
            it; None where no answer did.
        states: What was answered, each time it was different, in order: (seconds, answer in words).
        queries: How many were sent.
        answers: How many came.
    """

    path: Path
    change: str
    seconds: float | None
    states: tuple[tuple[float, str], ...]
    queries: int
    answers: int
