"""Where DNS Services may send queries, and whether their pods are in several zones."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import service_routing
from fixtures.checks import Conclude, each_case


@each_case(service_routing.CHECKS)
def test_service_routing(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
