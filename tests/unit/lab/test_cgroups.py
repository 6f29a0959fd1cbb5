"""Groups are joined by their own names, whatever systemd made of these."""

import subprocess
from pathlib import Path

from lab import cgroups


def test_a_group_with_a_backslash_is_joined(tmp_path: Path) -> None:
    """A folder's name reaches the shell as it is: with backslashes, spaces and quotes."""
    groups = [tmp_path / r"app-x\x2dy.scope", tmp_path / "it's a group"]
    for group in groups:
        group.mkdir()

    argv = cgroups.joining(groups, ["echo", "joined"])
    told = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert told.stdout == "joined\n"
    assert all((group / "cgroup.procs").read_text().strip().isdigit() for group in groups)
