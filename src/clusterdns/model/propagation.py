"""How long a change takes until it is seen along a path."""

from dataclasses import dataclass

from clusterdns.model.exchange import Path


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one path showed of one change.

    Attributes:
        path: That was asked again and again.
        what: The change, e.g. "created 1".
        seconds: From when the API server was asked for it until a query was sent that found it; None where
            none did.
        states: What was answered, each time it was different, in order: (seconds, answer in words).
        asked: How many queries were sent.
        answered: How many answers came.
    """

    path: Path
    what: str
    seconds: float | None
    states: tuple[tuple[float, str], ...]
    asked: int
    answered: int
