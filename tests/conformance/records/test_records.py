"""DNS-based service discovery, over every path: records.*."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import consistency, path_mtu, propagation, reachable, records
from fixtures.checks import Conclude, each_case


@each_case(reachable.CHECKS)
def test_reachable(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))


@each_case(path_mtu.CHECKS)
def test_path_mtu(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))


@each_case(propagation.CHECKS)
def test_propagation(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))


@each_case(records.CHECKS)
def test_answers(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))


@each_case(consistency.CHECKS)
def test_consistency(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
