"""What DNS pods, nodes and node caches go through, at rest and under bursts."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import conntrack, node_caches, saturation, throttling
from fixtures.checks import Conclude, each_case


@each_case(saturation.CHECKS)
def test_dnsmasq_and_nodes(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))


@each_case((*conntrack.CHECKS, *throttling.CHECKS))
def test_nodes_and_limits(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))


@each_case(node_caches.CHECKS)
def test_node_caches(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
