"""What a proof of load is worth on a busy machine."""

from pathlib import Path

import pytest

from tests.proof.quiet import could_not_measure, not_measured

BUSY = {"id": "machine-busy", "sentence": "not the cluster's DNS: the generator was late"}


def test_a_busy_machine_measures_nothing() -> None:
    saturated = {"id": "tcp-into-dnsmasq", "sentence": "node caches ask dnsmasq by TCP"}
    assert could_not_measure({"causes": [saturated, BUSY]}) == BUSY["sentence"]
    assert could_not_measure({"causes": [saturated]}) == ""


def test_one_unmeasured_proof_is_no_red_run_and_two_are(tmp_path: Path) -> None:
    tally = tmp_path / "unmeasured"
    with pytest.raises(pytest.skip.Exception, match="could not measure: busy"):
        not_measured("busy", tally)
    with pytest.raises(pytest.fail.Exception, match="not for the first time: busy"):
        not_measured("busy", tally)
