"""The examples for CI systems run as they stand, with a command in place of a cluster's."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

CI = Path(__file__).parents[2] / "examples" / "ci"

# Writes down how it was called, and ends as it is told for the first and for the second call, or as a soak.
COMMAND = """#!/bin/sh
echo "$*" >> calls
case "$*" in
    *report/before\\ *|*report/before)
        [ -n "${UNWRITTEN:-}" ] || { mkdir -p report/before; echo {} > report/before/report.json; }
        exit $BEFORE;;
    *report/during)
        [ ! -e report/during/soaking ] || exit 9
        [ -z "${UNBEGUN:-}" ] || exit $UNBEGUN
        mkdir -p report/during; touch report/during/soaking; exec sleep ${LASTS:-60};;
    *) exit $AFTER;;
esac
"""


TARGET = "test --cluster kubeconfig --kubeconfig config --kube-context c --profile"


def gate(folder: Path, **more: str) -> dict[str, str]:
    """Put a command in place of the suite's; return the environment of the gate."""
    command = folder / "bin" / "clusterdns"
    command.parent.mkdir()
    command.write_text(COMMAND)
    command.chmod(0o755)
    return {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "KUBECONFIG_FILE": "config",
        "KUBE_CONTEXT": "c",
        "UPGRADE": "echo upgraded >> calls",
        **more,
    }


@pytest.mark.parametrize(
    ("before", "after", "code", "calls"),
    [(0, 0, 0, 3), (1, 1, 1, 3), (0, 1, 1, 3), (0, 6, 6, 3), (6, 0, 6, 1), (4, 0, 4, 1)],
)
def test_the_gate_measures_upgrades_and_compares(
    tmp_path: Path, before: int, after: int, code: int, calls: int
) -> None:
    environment = gate(tmp_path, BEFORE=str(before), AFTER=str(after))
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == code
    expected = [
        f"{TARGET} core --report-dir report/before",
        "upgraded",
        f"{TARGET} core --report-dir report/after --baseline report/before/report.json",
    ]
    assert (tmp_path / "calls").read_text().splitlines() == expected[:calls]


def test_a_soak_goes_on_beside_the_upgrade_and_ends_after_it(tmp_path: Path) -> None:
    environment = gate(tmp_path, SOAK="30m", BEFORE="0", AFTER="0")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 128 + signal.SIGTERM  # what stands in for the soak is ended by the signal
    soak = f"{TARGET} soak --soak 30m --report-dir report/during"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"{TARGET} core --report-dir report/before",
        soak,
        "upgraded",
        f"{TARGET} core --report-dir report/after --baseline report/before/report.json",
    ]


def test_an_upgrade_that_fails_ends_the_soak_and_the_gate(tmp_path: Path) -> None:
    environment = gate(tmp_path, SOAK="30m", BEFORE="0", AFTER="0", UPGRADE="exit 9")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 9
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_a_soak_that_is_over_before_the_upgrade_is_no_verdict(tmp_path: Path) -> None:
    environment = gate(tmp_path, SOAK="1s", LASTS="0", BEFORE="0", AFTER="0", UPGRADE="sleep 1")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 0
    assert len((tmp_path / "calls").read_text().splitlines()) == 3


@pytest.mark.parametrize(("unbegun", "code"), [("6", 6), ("4", 4), ("0", 6)])
def test_nothing_is_upgraded_where_the_soak_does_not_begin(tmp_path: Path, unbegun: str, code: int) -> None:
    environment = gate(tmp_path, SOAK="30m", UNBEGUN=unbegun, BEFORE="0", AFTER="0")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == code
    assert "upgraded" not in (tmp_path / "calls").read_text()


def test_an_earlier_soak_does_not_begin_the_upgrade(tmp_path: Path) -> None:
    marker = tmp_path / "report" / "during" / "soaking"
    marker.parent.mkdir(parents=True)
    marker.touch()
    environment = gate(tmp_path, SOAK="30m", UNBEGUN="6", BEFORE="0", AFTER="0")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 6
    assert "upgraded" not in (tmp_path / "calls").read_text()


def test_nothing_is_upgraded_without_a_baseline(tmp_path: Path) -> None:
    environment = gate(tmp_path, UNWRITTEN="1", BEFORE="1", AFTER="0")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == 6
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_nothing_is_measured_without_an_upgrade(tmp_path: Path) -> None:
    environment = gate(tmp_path, BEFORE="0", AFTER="0", UPGRADE="")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode != 0
    assert not (tmp_path / "calls").exists()


def test_a_gate_that_is_ended_ends_its_soak(tmp_path: Path) -> None:
    upgrade = "echo $PPID > gate; sleep 1"
    environment = gate(
        tmp_path, SOAK="30m", BEFORE="0", AFTER="0", UPGRADE=f"{upgrade}; kill -TERM $(cat gate)"
    )
    ended = subprocess.run(
        ["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50, stdout=subprocess.PIPE
    )  # ends when all that holds the pipe has ended, its soak too
    assert ended.returncode == 128 + signal.SIGTERM
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_names_may_hold_blanks_and_stars(tmp_path: Path) -> None:
    environment = gate(tmp_path, BEFORE="0", AFTER="0", KUBECONFIG_FILE="a  b", KUBE_CONTEXT="*")
    subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=True)
    first, *_ = (tmp_path / "calls").read_text().splitlines()
    assert "--kubeconfig a  b --kube-context * --profile" in first


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_systems_run_the_gate_with_all_that_it_reads(name: str) -> None:
    text = (CI / name).read_text()
    assert yaml.safe_load(text)
    assert "sh examples/ci/gate.sh" in text
    for variable in ("KUBE_CONTEXT", "UPGRADE", "PROFILE", "KUBECONFIG_FILE"):
        assert variable in text
