"""How long names take that no cache holds, and how long each DNS pod takes."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import outside, pod_times
from fixtures.checks import Conclude, each_case


@each_case((outside.UPSTREAM, *pod_times.CHECKS))
def test_one_after_the_other(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
