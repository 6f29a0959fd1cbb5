"""DNS pods' metrics: there, true, affordable."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import metrics
from fixtures.checks import Conclude, each_case


@each_case(metrics.CHECKS)
def test_metrics(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
