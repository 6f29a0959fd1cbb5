"""What clients go through while DNS pods are replaced."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import resilience
from fixtures.checks import Conclude, each_case


@each_case(resilience.CHECKS)
def test_restarts(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
