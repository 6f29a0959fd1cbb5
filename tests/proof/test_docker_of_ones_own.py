"""`python -m lab.kind run` leaves nothing of its Docker, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import state
from lab.paths import labs_dir
from tests.proof.conftest import ROOT
from tests.proof.test_lab import NOTHING, host, traces

RUN = [sys.executable, "-m", "lab.kind", "run", "--"]
NO_OTHER = {**os.environ, "DOCKER_HOST": "unix:///run/no-such.sock"}
COVERED = ("/lib/modules", "/etc/docker", "/var/lib/docker", "/run/docker.sock")


def covered() -> list[bool]:
    return [Path(path).exists() for path in COVERED]


def ours() -> list[str]:
    return [name for name in state.names() if name.startswith("docker-")]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    subprocess.run([sys.executable, "-m", "lab.kind", "build"], cwd=ROOT, check=True, timeout=2400)


@pytest.mark.long
def test_the_command_has_a_docker_and_its_exit_code_counts() -> None:
    before = host(), covered()
    script = "docker network create kind >&2 && docker info --format '{{.DockerRootDir}}' && exit 7"
    done = subprocess.run(
        [*RUN, "sh", "-c", script],
        cwd=ROOT,
        env=NO_OTHER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    root = Path(done.stdout.strip())
    assert root.is_relative_to(labs_dir())
    assert not root.exists()
    assert traces(root.parent.name) == NOTHING
    assert (host(), covered()) == before


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_by_a_signal_leaves_nothing(how: signal.Signals) -> None:
    before = host(), covered()
    argv = [*RUN, "sh", "-c", "docker info >/dev/null && echo up && exec sleep 60"]
    with subprocess.Popen(argv, cwd=ROOT, env=NO_OTHER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        name = f"docker-{process.pid}"
        assert name in ours()
        process.send_signal(how)
        code = process.wait(20)
    if how is signal.SIGKILL:  # nobody is left to clean up, but all ends, and the next one reclaims it
        deadline = time.monotonic() + 10
        while traces(name)["members"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert traces(name)["members"] == []
        state.reclaim(own="")
    else:
        assert code == 128 + how
    assert traces(name) == NOTHING
    assert (host(), covered()) == before
