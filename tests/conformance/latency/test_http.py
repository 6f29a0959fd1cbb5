"""What DNS adds to HTTP."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import http
from fixtures.checks import Conclude, each_case


@each_case(http.CHECKS)
def test_http(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
