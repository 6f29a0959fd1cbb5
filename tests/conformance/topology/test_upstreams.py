"""What leaves the cluster."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import upstreams
from fixtures.checks import Conclude, each_case


@each_case(upstreams.CHECKS)
def test_upstreams(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
