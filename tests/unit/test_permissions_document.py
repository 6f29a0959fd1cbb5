"""docs/permissions.md against the declarations: who uses which permission, what a refusal skips."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterdns.catalogue import CATALOGUE
from clusterdns.check import Need, SelectedCase, cases_of
from clusterdns.cluster.permissions import PROBES, verbs
from clusterdns.model.profiles import INCLUDES, Profile
from clusterdns.settings import Settings
from clusterdns.verdicts.needs import CAPTURE, DNSMASQ, HOST_NETWORK, WATCHED_COPY

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"
CASES = cases_of(CATALOGUE.values(), Settings())
MANIFESTS = tuple(Profile)
ROWS = {
    "NET_RAW": {CAPTURE},
    "hostNetwork": {HOST_NETWORK},
    "ephemeral containers": {DNSMASQ, WATCHED_COPY},
}


def table() -> Iterator[str]:
    """Yield the lines of the table of permissions."""
    yield f"| Verb and resource | Used to | By | {' | '.join(MANIFESTS)} |"
    yield f"|---|---|---|{'---|' * len(MANIFESTS)}"
    for grant in dict.fromkeys(grant for case in CASES for grant in case.grants):
        users = [case for case in CASES if grant in case.grants]
        granted = [
            any(case.profile in INCLUDES[profile] for case in users) and grant.least in INCLUDES[profile]
            for profile in MANIFESTS
        ]
        by = ", ".join(dict.fromkeys(f"`{case.check.id}`" for case in users))
        if len(users) == len(CASES):
            by = "every check"
        elif grant is PROBES:
            by = "every check with probe pods"
        marks = " | ".join("yes" if profile else "" for profile in granted)
        for permission, verb in verbs([grant]):
            yield f"| {verb} {permission} | {grant.purpose} | {by} | {marks} |"


def skipped_for(need: set[Need]) -> set[str]:
    """Return the cases that have one of the needs; a check's id where all its cases have."""
    having: list[SelectedCase] = [case for case in CASES if need & set(case.needs)]
    return {
        case.check.id
        if all(need & set(other.needs) for other in CASES if other.check is case.check)
        else case.name
        for case in having
    }


def test_the_table_of_permissions_is_what_checks_declare() -> None:
    assert "\n".join(table()) in DOCUMENT.read_text()


@pytest.mark.parametrize("refused", ROWS)
def test_the_table_of_refusals_is_what_checks_declare(refused: str) -> None:
    (line,) = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {refused} |")]
    assert set(re.findall(r"`([^`]+)`", line)) == skipped_for(ROWS[refused])


def test_whatever_may_make_pods_needs_them() -> None:
    assert all((case.needs[0].name == "probe-pods") for case in CASES if PROBES in case.grants)
