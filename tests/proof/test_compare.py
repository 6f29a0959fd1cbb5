"""A cluster that has become slower passes by itself, and is told from how it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof.conftest import Lab, Result, lab_command, on

BREAKAGE = "dns-30-ms-slower"


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_30_ms_are_told_from_none(lab: Lab, suite: Callable[..., Result], tmp_path: Path) -> None:
    arguments = [*on(lab), "--check=latency.dns-pods"]
    baseline = tmp_path / "baseline.json"
    assert suite(*arguments).code == 0
    (tmp_path / "report" / "report.json").rename(baseline)
    again = suite(*arguments, f"--baseline={baseline}")
    assert again.code == 0, again.output
    lab_command("break", "--name", lab.name, BREAKAGE)
    try:
        slower = suite(*arguments, f"--baseline={baseline}")
    finally:
        lab_command("mend", "--name", lab.name, BREAKAGE)
    assert {check["outcome"] for check in slower.report["checks"]} == {"passed"}, slower.output
    assert slower.code == 1
    assert "latency.dns-pods took_ms (median of 40)" in slower.output
