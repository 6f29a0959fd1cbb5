"""What serves DNS, where it runs, and whether it answers."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import topology
from fixtures.checks import Conclude, each_case


@each_case(topology.CHECKS)
def test_topology(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
