"""Whether a search suffix beyond the cluster's own answers for names that cannot exist."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import outside
from fixtures.checks import Conclude, each_case


@each_case((outside.WILDCARD,))
def test_wildcard(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
