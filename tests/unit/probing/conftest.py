"""Runs the agent's operations as programs of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import clusterdns.probing

AGENT = Path(clusterdns.probing.__file__).parent / "agent"
Agent = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def agent() -> Agent:
    """Runs an operation; standard input stays open until it ends, as over exec."""

    def run(
        operation: str,
        request: dict[str, Any],
        when_ready: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        **environment: str,
    ) -> list[dict[str, Any]]:
        with subprocess.Popen(
            [sys.executable, AGENT / f"{operation}.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answers = []
            for line in process.stdout:
                answers.append(json.loads(line))
                if when_ready and answers[-1].get("ready"):
                    process.stdin.write(json.dumps(when_ready(answers[-1])) + "\n")
                    process.stdin.flush()
        assert process.returncode == ("error" in answers[-1])
        return answers

    return run
