"""What clients go through while something else, such as an upgrade, changes the cluster."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import soak
from fixtures.checks import Conclude, each_case


@each_case(soak.CHECKS)
def test_soak(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
