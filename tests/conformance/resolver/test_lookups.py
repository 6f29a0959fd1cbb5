"""What lookups put on the wire, on every node: their number, their order, what they cost."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import lookups
from fixtures.checks import Conclude, each_case


@each_case(lookups.CHECKS)
def test_lookups(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
