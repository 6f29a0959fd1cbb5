"""What DNS adds to HTTP, and whose fault a failure is."""

import pytest

from clusterdns.errors import HarnessError
from clusterdns.model.http_timing import HttpTiming, by_phase, dns_share
from clusterdns.model.outcome import Outcome
from clusterdns.settings import Settings
from clusterdns.verdicts.http import HttpTimings, http

MS = 1_000_000
SETTINGS = Settings()


def timed(dns: int = 2, total: int = 10, failed: str | None = None) -> HttpTiming:
    phases = {"dns": dns * MS, "connect": MS, "first_byte": MS, "total": total * MS}
    return HttpTiming("node-1", "http://www.example.com/", phases, failed, "OSError: no" if failed else "")


def test_the_share_of_dns() -> None:
    verdict = http([timed(), timed(dns=8)], SETTINGS)
    assert verdict.outcome is Outcome.PASSED
    assert isinstance(verdict.measurements, HttpTimings)
    assert verdict.measurements.dns_share_percent == 50.0
    assert dns_share([]) == 0


def test_a_name_that_fails_is_the_fault_of_dns() -> None:
    verdict = http([timed(), timed(failed="dns")], SETTINGS)
    assert verdict.outcome is Outcome.FAILED
    assert "1 of 2 requests failed for their name: OSError: no" in verdict.reason


def test_slow_names_are() -> None:
    verdict = http([timed(dns=150, total=200)] * 3, SETTINGS)
    assert verdict.outcome is Outcome.FAILED
    assert "limit 100 ms" in verdict.reason


@pytest.mark.parametrize("phase", ["connect", "tls", "first_byte", "body"])
def test_other_failures_are_not(phase: str) -> None:
    verdict = http([timed(), timed(failed=phase)], SETTINGS)
    assert verdict.outcome is Outcome.WARNED
    assert f"1 failed in phase {phase}" in verdict.reason


def test_a_phase_that_failed_is_no_time_of_that_phase() -> None:
    times = by_phase([timed(), timed(dns=5000, total=5000, failed="dns")])
    assert len(times["dns"]) == len(times["total"]) == 1


def test_no_request_is_no_verdict() -> None:
    with pytest.raises(HarnessError, match="no page"):
        http([], SETTINGS)
