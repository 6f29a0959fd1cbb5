"""What a load sends, and when: intended times, and messages that are numbered."""

from __future__ import annotations

import array
import base64
import math
import random
from typing import Any, Iterable, Optional

MAXIMUM = 1_000_000  # queries, of 25 bytes each in a run: within the pod's memory


def offsets_of(schedule: dict[str, Any]) -> array.array[int]:
    """Computes the intended times of a schedule, in ns since the start."""
    bursts = schedule["pattern"] == "bursts"
    size = schedule["size"] if bursts else 1
    interval = schedule["interval"] if bursts else 1 / schedule["rate"]
    steps = math.ceil(schedule["seconds"] / interval - 1e-6)  # 0.3 s hold 3 of 0.1 s, floats or not
    if not 0 < steps * size <= MAXIMUM:
        raise ValueError(f"a plan of {steps * size} queries: between 1 and {MAXIMUM} are possible")
    if schedule["pattern"] == "poisson":
        return array.array("q", arrivals(schedule["rate"], schedule["seconds"], schedule["seed"]))
    return array.array("q", (int(step * interval * 1e9) for step in range(steps) for _ in range(size)))


def arrivals(rate: float, seconds: float, seed: int) -> Iterable[int]:
    """Draws the times of a Poisson process."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    at = chance.expovariate(rate)
    while at < seconds:
        yield int(at * 1e9)
        at += chance.expovariate(rate)


class Message:
    """A query to send again and again."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._wire = bytearray(base64.b64decode(message["wire"]))
        self._number_at: Optional[int] = message["number_at"]
        end = 12
        while self._wire[end]:
            end += self._wire[end] + 1
        self._question = slice(12, end + 5)

    def numbered(self, ident: int, number: int) -> bytearray:
        """Fills in id and number; the result is good until the next one."""
        self._wire[:2] = ident.to_bytes(2, "big")
        if self._number_at is not None:
            self._wire[self._number_at : self._number_at + 8] = b"%08d" % number
        return self._wire

    def answered_by(self, answer: bytes, number: int) -> bool:
        """Tells whether this is a response to the same question, in whatever case."""
        asked = self.numbered(0, number)[self._question]
        return len(answer) > 2 and answer[2] >= 0x80 and answer[self._question].lower() == asked.lower()  # noqa: PLR2004
