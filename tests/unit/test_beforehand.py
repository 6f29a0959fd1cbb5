"""What cases declare is measured beforehand, but for what a need of theirs keeps from being measured."""

import time
from dataclasses import replace
from typing import cast

import pytest

from clusterdns import beforehand
from clusterdns.beforehand import Beforehand
from clusterdns.check import Case, Check, Need, SelectedCase, at_rest
from clusterdns.errors import HarnessError
from clusterdns.measuring.part import part
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile


class Little(Run):
    """A run that measures nothing of a cluster."""

    def __init__(self) -> None:
        self.measured: list[str] = []

    @part
    def wanted(self) -> None:
        self.measured.append("wanted")

    @part
    def unmet(self) -> None:
        self.measured.append("unmet")

    @part
    def broken(self) -> None:
        self.measured.append("broken")
        raise HarnessError("cannot be measured")


def case(measured: part[Little, object], *needs: Need) -> SelectedCase:
    only = Case("", lambda _: Verdict(outcome=Outcome.PASSED))
    check = Check(
        id="resolver.ndots",
        profile=Profile.CORE,
        requirement="R.",
        source="S",
        remedy="R",
        cases=[only],
        needs=needs,
        measures=(cast("part[Run, object]", measured),),
    )
    return SelectedCase(check, only)


def test_each_part_is_measured_once_unless_a_need_is_not_met() -> None:
    run, absent = Little(), Need("musl", lambda _: "it is not there")
    cases = [case(Little.wanted), case(Little.wanted), case(Little.unmet, absent), case(Little.broken)]
    Beforehand(run, cases).wait()
    assert sorted(run.measured) == ["broken", "wanted"]


def test_a_need_that_cannot_be_looked_for_keeps_nothing_else_from_being_measured() -> None:
    def fail(_: Run) -> str | None:
        raise HarnessError("no answer")

    run = Little()
    Beforehand(run, [case(Little.unmet, Need("musl", fail)), case(Little.wanted)]).wait()
    assert run.measured == ["wanted"]


def test_what_needs_no_probe_is_begun_while_probe_pods_start(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Little()

    def start_pods(_: Run) -> str | None:
        deadline = time.monotonic() + 10
        while "wanted" not in run.measured and time.monotonic() < deadline:
            time.sleep(0.01)
        return None if run.measured else "nothing was begun meanwhile"

    monkeypatch.setattr(beforehand, "_WITHOUT_PROBES", (Little.wanted,))
    needing = Need("probe-pods", start_pods)
    Beforehand(run, [case(Little.unmet, needing), case(Little.wanted, needing)]).wait()
    assert run.measured == ["wanted", "unmet"]


def test_what_is_measured_at_rest_waits_for_all_else_and_is_measured_once() -> None:
    run = Little()
    beside = case(Little.wanted)
    cases = at_rest(lambda _: Verdict(outcome=Outcome.PASSED), cast("part[Run, object]", Little.unmet))
    check = replace(beside.check, id="latency.upstream", measures=(), cases=cases)
    beforehand = Beforehand(run, [SelectedCase(check, cases[0]), beside, SelectedCase(check, cases[0])])
    beforehand.wait()
    assert run.measured == ["wanted"]
    beforehand.measure_at_rest()
    assert run.measured == ["wanted", "unmet"]
