"""What a check is: declared once, as one literal beside the function that judges.

Everything else that speaks of checks is derived from the declarations: selection, skips, preflight,
`--list-checks`, the audit, the reports and the tables of the documentation.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from clusterdns.cluster.permissions import PROBES, Grant
from clusterdns.cluster.preflight import manifest
from clusterdns.measuring.part import part
from clusterdns.measuring.replacements import refuse_replaced
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.pods import Privilege
from clusterdns.model.profiles import INCLUDES, Profile
from clusterdns.settings import Settings


class Stage(IntEnum):
    """When a case runs among those of its run: what disturbs the cluster least comes first."""

    SIDE_BY_SIDE = 0  # what is measured beforehand, beside everything else
    AT_REST = 1  # nothing that asks much is measured meanwhile; so for all that follow
    STEADY_LOAD = 2
    BURSTS_PAST_CACHES = 3
    BURSTS = 4  # what they saturate stays so for a while after the load has ended
    LOGGED_LOAD = 5
    REMOVAL = 6  # of what the others needed
    DISRUPTION = 7  # DNS pods are replaced, and what others have learnt of them is no longer true
    SOAK = 8  # somebody else changes the cluster meanwhile


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a cluster or a probe must have, or a check is skipped.

    Attributes:
        name: In a word or two; a skip's reason begins with "no NAME".
        why_absent: Says why a run's cluster does not have it; None where it does.
    """

    name: str
    why_absent: Callable[[Run], str | None]


PROBE_PODS = Need("probe-pods", lambda run: run.probes.refused.get(Privilege.NONE))
"""The run's own pods; whatever has the permission to make them needs them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One of the cases of a check.

    Attributes:
        name: Which; "" for the only one.
        judge: Judges what the run has measured; raises `errors.HarnessError` where it could not measure.
        needs: Besides the check's own.
        profile: Where it is not the check's.
        grants: Permissions besides the check's own.
        stage: When it runs.
        measures: At rest: the parts that it judges and that may be measured side by side, but beside nothing
            else.
    """

    name: str
    judge: Callable[[Run], Verdict]
    needs: tuple[Need, ...] = ()
    profile: Profile | None = None
    grants: tuple[Grant, ...] = ()
    stage: Stage = Stage.SIDE_BY_SIDE
    measures: tuple[part[Run, object], ...] = ()


Cases = Sequence[Case] | Callable[[Settings], Sequence[Case]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The declaration of a check.

    Attributes:
        id: "<area>.<name>". It is what reports, `--check` and CI gates use, and never changes meaning.
        profile: How much it may do to a cluster.
        requirement: What it requires of a cluster, in one sentence.
        source: What requires that: a specification, a document, a setting.
        remedy: What to do where it complains; a verdict may say something more precise.
        cases: Its cases, or a function that makes them of a run's settings.
        needs: What all its cases need, those that others build on first.
        grants: The permissions that it uses.
        measures: The parts of a run that it judges and that may be measured beforehand, side by side.
    """

    id: str
    profile: Profile
    requirement: str
    source: str
    remedy: str
    cases: Cases
    needs: tuple[Need, ...] = ()
    grants: tuple[Grant, ...] = ()
    measures: tuple[part[Run, object], ...] = field(default=())

    @property
    def area(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]


_REPLACING = frozenset({Profile.DISRUPTIVE, Profile.SOAK})
"""Profiles in which DNS pods are replaced by intention."""
_BY_ANSWERS = ("records.", "latency.", "resolver.lookup-", "resolver.amplification")
"""How the ids of checks begin whose verdict depends on which answers came, and when."""


@dataclass(frozen=True, slots=True)
class SelectedCase:
    """A case with its check: what a run selects, skips, runs and reports.

    Attributes:
        check: The check.
        case: One of its cases.
    """

    check: Check
    case: Case

    @property
    def name(self) -> str:
        """The check's id, with the case in brackets where there is one."""
        return f"{self.check.id}[{self.case.name}]" if self.case.name else self.check.id

    @property
    def profile(self) -> Profile:
        """The profile that it runs in."""
        return self.case.profile or self.check.profile

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it needs: probe pods first, which others build on, then as declared."""
        probe_pods = (PROBE_PODS,) if PROBES in self.grants else ()
        return probe_pods + self.check.needs + self.case.needs

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The permissions that it uses."""
        return self.check.grants + self.case.grants

    def judge(self, run: Run) -> Verdict:
        """Judge what the run has measured.

        Raises:
            HarnessError: it could not measure, or a DNS pod that it complains of was replaced meanwhile by
                somebody else than the run.
        """
        verdict = self.case.judge(run)
        if verdict.outcome is not Outcome.PASSED and self.profile not in _REPLACING:
            complaint = "\n".join((verdict.reason, *verdict.evidence))
            of_answers = self.check.id.startswith(_BY_ANSWERS)
            refuse_replaced(run.cluster, run.topology, complaint, of_answers=of_answers)
        return verdict

    def skip_reason(self, run: Run) -> str | None:
        """Return why it is skipped, or None where it runs.

        A need is not asked for where a permission is missing, or one before it is not met.
        """
        if reason := self.missing_permission(run):
            return reason
        reasons = ((need, need.why_absent(run)) for need in self.needs)
        return next((f"no {need.name}: {reason}" for need, reason in reasons if reason), None)

    def missing_permission(self, run: Run) -> str | None:
        """Return which permission keeps it from running; None where it has all that it cannot do without."""
        for grant in self.grants:
            lacking = run.missing.get(grant, ())
            if lacking and not grant.dispensable:
                profile = run.settings.profile
                granting = profile if grant.least in INCLUDES[profile] else grant.least
                return (
                    f"no permission to {grant.purpose}: the credentials may not {', '.join(lacking)}; "
                    f"{manifest(granting)} grants it"
                )
        return None


def only(judge: Callable[[Run], Verdict], *, stage: Stage = Stage.SIDE_BY_SIDE) -> tuple[Case, ...]:
    """Return the cases of a check that has one only."""
    return (Case("", judge, stage=stage),)


def at_rest(judge: Callable[[Run], Verdict], *measures: part[Run, object]) -> tuple[Case, ...]:
    """Return the cases of a check that has one only, which runs at rest and measures these parts."""
    return (Case("", judge, stage=Stage.AT_REST, measures=measures),)


def cases_of(checks: Iterable[Check], settings: Settings) -> list[SelectedCase]:
    """Return every case of the checks, in order of declaration."""
    return [
        SelectedCase(check, case)
        for check in checks
        for case in (check.cases(settings) if callable(check.cases) else check.cases)
    ]
