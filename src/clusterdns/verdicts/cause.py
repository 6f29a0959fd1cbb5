"""What a cause is, and what causes are derived from."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from clusterdns.check import SelectedCase
from clusterdns.model.fault_localization import Description
from clusterdns.model.outcome import Verdict
from clusterdns.model.query_matrix import Asked
from clusterdns.model.throttling import Throttling


@dataclass(frozen=True, slots=True)
class Complaint:
    """A case that failed.

    Attributes:
        case: Which.
        verdict: Its verdict.
    """

    case: SelectedCase
    verdict: Verdict

    @property
    def check(self) -> str:
        """The id of its check."""
        return self.case.check.id


@dataclass(frozen=True, slots=True)
class Findings:
    """What causes are derived from.

    Attributes:
        complaints: Every case that failed.
        unanswered: What queries without an answer have in common.
        wrong: Answers that do not say what the cluster's objects call for, and those to the same questions
            that do; with each, whether it is wrong.
        failed_upstreams: Answers about names outside the cluster that are SERVFAIL or REFUSED.
        throttled: DNS pods that were held back at their CPU limit too often.
        too_busy: Case that could not be measured since what measures was too busy -> the reason.
    """

    complaints: Sequence[Complaint] = ()
    unanswered: Sequence[Description] = ()
    wrong: Sequence[tuple[Asked, bool]] = ()
    failed_upstreams: Sequence[Asked] = ()
    throttled: Sequence[Throttling] = ()
    too_busy: Mapping[str, str] = field(default_factory=dict)

    def names(self, explained: Callable[[Complaint], bool]) -> tuple[str, ...]:
        """Return the names of the cases that something explains."""
        return tuple(complaint.case.name for complaint in self.complaints if explained(complaint))

    def of(self, checks: Collection[str]) -> tuple[str, ...]:
        """Return the names of the cases of some checks."""
        return self.names(lambda complaint: complaint.check in checks)

    def complaint(self, check: str) -> Complaint | None:
        """Return the first case of a check that failed; None where none did."""
        return next((complaint for complaint in self.complaints if complaint.check == check), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is broken.

    Attributes:
        id: What reports and breakages call it; it never changes meaning.
        sentence: What is broken and where, in one sentence.
        explains: The names of the cases that failed for it.
        evidence: Lines that prove it.
        remedy: What to do about it.
        source: Where that is documented.
    """

    id: str
    sentence: str
    explains: tuple[str, ...]
    evidence: tuple[str, ...]
    remedy: str
    source: str
