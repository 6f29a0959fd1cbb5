"""What a proof of load is worth on a busy machine."""

from pathlib import Path

import pytest

from tests.proof.quiet import could_not_measure, not_measured

LATE = {"outcome": "error", "reason": "10/s: the generator on node-1 was late by 9.10 ms (p99), limit 1 ms"}


def test_a_late_generator_measures_nothing() -> None:
    failed, broken = {"outcome": "failed", "reason": "r"}, {"outcome": "error", "reason": "no answer"}
    assert could_not_measure({"checks": [failed, broken, LATE]}) == LATE["reason"]
    assert could_not_measure({"checks": [failed, broken]}) == ""


def test_one_unmeasured_proof_is_no_red_run_and_two_are(tmp_path: Path) -> None:
    tally = tmp_path / "unmeasured"
    with pytest.raises(pytest.skip.Exception, match="could not measure: busy"):
        not_measured("busy", tally)
    with pytest.raises(pytest.fail.Exception, match="not for the first time: busy"):
        not_measured("busy", tally)
