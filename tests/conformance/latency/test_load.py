"""What clients feel under open-loop load, on every path to the cluster's DNS."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import latency
from fixtures.checks import Conclude, each_case


@each_case(latency.CHECKS)
def test_load(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
