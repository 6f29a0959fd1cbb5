"""Verdict on what DNS adds to HTTP, and whether it makes it fail."""

from collections.abc import Sequence

from clusterdns.errors import HarnessError
from clusterdns.model.fetches import DNS, Fetch, by_phase, dns_share, failures
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.settings import Settings

_SOURCE = "ours: no fetch fails for its name; half of the names resolve as quickly as queries under load"
_MEDIAN = 0.5


def http(fetches: Sequence[Fetch], settings: Settings) -> Verdict:
    """No fetch fails in its DNS phase, and that phase is short; failures of other phases are warned about.

    Raises:
        HarnessError: Nothing was fetched.
    """
    if not fetches:
        raise HarnessError("no page was fetched")
    phases, failed = by_phase(fetches), failures(fetches)
    why = {one.failed: one.failure for one in reversed(fetches) if one.failed}
    measurements = {
        "fetches": len(fetches),
        "failed by phase": dict(failed),
        "ms by phase": {
            phase: {
                "p50": round(times.percentile(_MEDIAN) / 1e6, 3),
                "max": round(times.maximum / 1e6, 3),
            }
            for phase, times in phases.items()
        },
        "share of DNS %": round(100 * dns_share(fetches), 1),
        "certificates": "not verified: only time is measured",
    }
    evidence = tuple(f"{count} failed in phase {phase}: {why[phase]}" for phase, count in failed.items())
    wrong = ""
    if failed[DNS]:
        wrong = f"{failed[DNS]} of {len(fetches)} fetches failed for their name: {why[DNS]}"
    elif phases[DNS].percentile(_MEDIAN) > settings.http_dns_limit * 1e6:
        took = phases[DNS].percentile(_MEDIAN) / 1e6
        wrong = (
            f"half of the fetches wait {took:,.1f} ms and more for DNS, limit {settings.http_dns_limit:g} ms"
        )
    if wrong:
        return Verdict(
            outcome=Outcome.FAILED,
            reason=wrong,
            remedy="see that the cluster's DNS reaches its upstreams: their addresses, and its pods' logs",
            source=_SOURCE,
            measurements=measurements,
            evidence=evidence,
        )
    if failed:
        return Verdict(
            outcome=Outcome.WARNED,
            reason=f"{failed.total()} of {len(fetches)} fetches failed, none for its name: {evidence[0]}",
            remedy="not DNS: let probe pods out to that host, or name another by --external-name",
            source=_SOURCE,
            measurements=measurements,
            evidence=evidence,
        )
    return Verdict(outcome=Outcome.PASSED, source=_SOURCE, measurements=measurements)
