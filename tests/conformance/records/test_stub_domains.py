"""Whether the servers of every stub domain answer."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import outside
from fixtures.checks import Conclude, each_case


@each_case((outside.STUB_DOMAINS,))
def test_stub_domains(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
