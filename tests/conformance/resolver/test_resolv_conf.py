"""What a pod's resolver is given, on every node."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import node_resolvers, resolver
from fixtures.checks import Conclude, each_case


@each_case((*resolver.CHECKS, *node_resolvers.CHECKS))
def test_resolv_conf(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
