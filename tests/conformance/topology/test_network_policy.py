"""What NetworkPolicies leave of pods' way to their DNS."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import network_policy
from fixtures.checks import Conclude, each_case


@each_case(network_policy.CHECKS)
def test_network_policy(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
