"""Who scrapes DNS pods, on paper and in fact."""

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.verdicts import scraping
from fixtures.checks import Conclude, each_case


@each_case(scraping.CHECKS)
def test_scraping(case: SelectedCase, run: Run, conclude: Conclude) -> None:
    conclude(case.judge(run))
