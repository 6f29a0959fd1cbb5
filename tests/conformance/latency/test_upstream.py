"""How long names outside the cluster take that no cache holds."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import outside
from fixtures.checks import Conclude, each_case


@each_case((outside.UPSTREAM,))
def test_upstream(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
