"""`clusterdns test`: pytest on the suite's own files, from wherever the user stands."""

import subprocess
import sys
from pathlib import Path

from clusterdns.commands.test import command
from clusterdns.suite import SUITE


def test_the_users_arguments_come_between_the_suites_settings_and_its_checks() -> None:
    environ = {"HOME": "/"}
    line = command(["-k", "ndots"], environ)
    assert line[:3] == [sys.executable, "-m", "pytest"]
    assert f"--rootdir={SUITE}" in line
    assert line[-3:] == ["-k", "ndots", str(SUITE / "tests" / "conformance")]
    assert environ == {"HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}


def test_a_folder_with_a_project_of_its_own_has_no_influence(tmp_path: Path, kubeconfig_file: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-flag'\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-flag\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not to be loaded')\n")
    flags = ["--cluster=kubeconfig", f"--kubeconfig={kubeconfig_file}", "--kube-context=c"]
    done = subprocess.run(
        [*command([*flags, "--collect-only", "-q"], {}), "-p", "no:hypothesispytest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_resolv_conf[resolver.ndots]" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {
        "pyproject.toml",
        "pytest.ini",
        "conftest.py",
        "kubeconfig",
    }
