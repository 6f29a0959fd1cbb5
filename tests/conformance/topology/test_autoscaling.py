"""Whether the autoscaler keeps up with a cluster that grows."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import autoscaling
from fixtures.checks import Conclude, each_case


@each_case(autoscaling.CHECKS)
def test_autoscaling(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
