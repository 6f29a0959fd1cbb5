"""Every breakage makes exactly its declared checks fail and be skipped, and its causes be named."""

from collections.abc import Callable

import pytest

from clusterdns.catalogue import CATALOGUE
from clusterdns.model.profiles import INCLUDES, Profile
from lab import breakage
from tests.proof.conftest import Lab, Result, lab_command, on
from tests.proof.skips import skipped_on

_VARIANTS = {"force-tcp-in-a-comment", "force-tcp-in-a-snippet", "force-tcp-only-for-reverse-zones"}
"""Of force-tcp-in-an-imported-file: how a Corefile is read, unit tests show of each."""


def _marks(broken: breakage.Breakage) -> list[pytest.MarkDecorator]:
    disruptive = broken.profile == Profile.DISRUPTIVE
    alone = [pytest.mark.alone] if disruptive or broken.profile == Profile.LOAD else []
    long = disruptive or "operator" in broken.addons or broken.name in _VARIANTS
    return [*alone, pytest.mark.long] if long else alone


CASES = [
    pytest.param(broken.lab, broken.name, id=broken.name, marks=_marks(broken))
    for broken in map(breakage.load, breakage.names())
]


def selection(broken: breakage.Breakage) -> list[str]:
    """Return the arguments for every check of the profile, or for those that a breakage names.

    Records are left out where a breakage does not touch them, elsewhere than on CoreDNS alone: they take as
    long as all the others, and test_topologies.py asks for them everywhere.
    """
    core = {check.area for check in CATALOGUE.values() if check.profile in INCLUDES[Profile.CORE]}
    areas = {*core, "saturation"}  # which is watched at rest
    if broken.topology != "coredns" and not any(check.startswith("records.") for check in broken.fails):
        areas -= {"records"}
    return [f"--check={','.join(broken.checks or sorted(areas))}"]


@pytest.mark.parametrize(("lab", "name"), CASES, indirect=["lab"])
def test_breakage(lab: Lab, name: str, suite: Callable[..., Result]) -> None:
    broken = breakage.load(name)
    lab_command("break", "--name", lab.name, name)
    try:
        result = suite(*on(lab), f"--profile={broken.profile}", *broken.options, *selection(broken))
    finally:
        lab_command("mend", "--name", lab.name, name)
    assert result.ids("error") == set(), result.output
    assert result.ids("failed") == broken.fails, result.output
    assert result.causes() == broken.names, result.output
    assert result.ids("warned") >= broken.warns, result.output
    assert result.ids("skipped") - skipped_on(lab.topology) == broken.skips, result.output
    assert result.code == (1 if broken.fails else 0)
