"""Faults at random instants: no wrong verdict, nothing left, and a table of what became of each.

`FAULT_SEED` and `FAULT_COUNT` say which and how many, `FAULT_LOG` where a line of JSON about each goes;
`python -m tests.proof.faults.table LOG...` makes the table of them.
"""

import json
import os
from pathlib import Path

import pytest

from tests.proof.conftest import Lab
from tests.proof.faults.injections import Injection, drawn
from tests.proof.faults.matrix import Matrix

_INJECTIONS = list(drawn(int(os.environ.get("FAULT_SEED", "1")), int(os.environ.get("FAULT_COUNT", "300"))))
_MATRICES: dict[str, Matrix] = {}


@pytest.fixture
def matrix(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The one of the lab, whose programs have run without a fault."""
    if lab.name not in _MATRICES:
        _MATRICES[lab.name] = Matrix(lab, tmp_path_factory.mktemp("matrix"))
    return _MATRICES[lab.name]


@pytest.fixture(scope="session")
def log() -> Path:
    """Where the outcomes go."""
    return Path(os.environ.get("FAULT_LOG", os.devnull))


@pytest.mark.long
@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("injection", _INJECTIONS, ids=str)
def test_no_fault_is_taken_for_a_verdict_or_leaves_anything(
    injection: Injection, matrix: Matrix, log: Path
) -> None:
    ended = matrix.inject(injection)
    with log.open("a") as file:
        told: dict[str, object] = {
            "kind": injection.kind,
            "fault": injection.fault,
            "program": injection.program,
        }
        told |= {"instant": injection.instant, "lasting": injection.lasting, "number": injection.number}
        told |= {"code": ended.code, "hit": ended.hit, "wrong": ended.wrong, "left": ended.left}
        file.write(json.dumps(told) + "\n")
    assert (ended.wrong, ended.left) == ([], []), ended.output
