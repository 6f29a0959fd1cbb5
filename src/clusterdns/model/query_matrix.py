"""The query matrix: every question about records, asked along every path, and what was answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from clusterdns.model.dns_profiles import DNSProfile
from clusterdns.model.exchange import Exchange
from clusterdns.model.questions import Question

Asked = tuple[Question, Exchange]


@dataclass(frozen=True)
class QueryMatrix:
    """Everything that was asked.

    Attributes:
        asked: Question and exchange, in any order.
        profile: What the implementation makes of its freedom.
        generated: A name that the implementation made up -> the addresses that it stands for; None where no
            path said so.
        notes: What limits its meaning, in words: what was left out, what may have been asked for too early.
    """

    asked: Sequence[Asked]
    profile: DNSProfile
    generated: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, check: str, transport: str | None = None) -> list[Asked]:
        """Return what was asked for a check, over one transport or all."""
        return [
            (question, exchange)
            for question, exchange in self._by_check.get(check, ())
            if transport in (None, exchange.path.transport)
        ]

    @cached_property
    def _by_check(self) -> Mapping[str, Sequence[Asked]]:
        by_check: dict[str, list[Asked]] = {}
        for question, exchange in self.asked:
            by_check.setdefault(question.check, []).append((question, exchange))
        return by_check
