"""Every breakage makes exactly its declared checks fail, and mended it leaves nothing wrong."""

from collections.abc import Callable

import pytest

from lab import breakage
from tests.proof.conftest import Lab, Result, lab_command, on, whole

# Not yet seen as they are declared, each run by this file.
OPEN = {
    "metrics-port-closed",
    "node-cache-missing-on-a-node",
    "one-replica",  # on a busy machine the second pod was still there once
    "tcp-dropped-on-a-node",
    "upstream-dead",
}


def _marks(one: breakage.Breakage) -> list[pytest.MarkDecorator]:
    alone = [pytest.mark.alone] if one.profile == "load" else []
    return [*alone, pytest.mark.open] if one.name in OPEN or "operator" in one.addons else alone


CASES = [
    pytest.param(one.lab, one.name, id=one.name, marks=_marks(one))
    for one in map(breakage.load, breakage.names())
]


@pytest.mark.parametrize(("lab", "name"), CASES, indirect=["lab"])
def test_breakage(lab: Lab, name: str, suite: Callable[..., Result]) -> None:
    broken = breakage.load(name)
    checks = [f"--check={','.join(broken.checks)}"] if broken.checks else whole(lab)
    lab_command("break", "--name", lab.name, name)
    try:
        result = suite(*on(lab), f"--profile={broken.profile}", *checks)
    finally:
        lab_command("mend", "--name", lab.name, name)
    assert result.ids("error") == set(), result.output
    assert result.ids("failed") == broken.fails, result.output
    assert result.code == (1 if broken.fails else 0)
