"""A copy of kube-dns that logs every query, asked and loaded."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import query_log
from fixtures.checks import Conclude, each_case


@each_case(query_log.CHECKS)
def test_query_log(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
