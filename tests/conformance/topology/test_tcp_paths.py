"""Forwarding by TCP, and whether dnsmasq is behind it."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import tcp_paths
from fixtures.checks import Conclude, each_case


@each_case(tcp_paths.CHECKS)
def test_tcp_paths(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
