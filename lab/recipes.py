"""How each kind of build is made: Go programs, static C programs, minimal Debian; kept by content."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from lab import commands, state, store, toolchain
from lab.errors import LabError
from lab.paths import cache_dir

DEBIAN = "bookworm"  # its dnsmasq is 2.90, as in k8s-dns 1.23 to 1.26
_BUILD_SECONDS = 3000.0
_FREE_BYTES = 8 << 30

Progress = Callable[[str], None]


def kept(kind: str, digest: str, label: str, progress: Progress, make: Callable[[Path], None]) -> Path:
    """Return the folder of a build, made now by `make(empty folder)` if it is not kept yet.

    Raises:
        LabError: it failed, or the disk is nearly full.
    """
    found = store.kept(kind, digest)
    if found:
        return found
    if shutil.disk_usage(cache_dir()).free < _FREE_BYTES:
        raise LabError(f"building needs {_FREE_BYTES >> 30} GiB free in {cache_dir()}; make room first")
    progress(f"building {label} …")
    began = time.monotonic()
    folder = store.build(kind, digest, make)
    store.prune(kind, digest, state.builds_in_use())
    progress(f"built {label} in {time.monotonic() - began:.0f} s")
    return folder


def go_program(  # noqa: PLR0913 - what tells one build of a module from another
    module: Path,
    output: Path,
    *,
    package: str = ".",
    ldflags: str = "",
    tags: str = "",
    requirements: Path | None = None,
) -> None:
    """Build a package of the Go module in a folder, or of one it requires, into a static program.

    Args:
        module: The folder.
        output: The program.
        package: Of the module.
        ldflags: For the linker.
        tags: For the build.
        requirements: A go.mod to use in place of the module's, with a go.sum beside it.
    """
    commands.run(
        [
            toolchain.go(),
            "build",
            "-mod=readonly",
            "-trimpath",
            *([f"-modfile={requirements}"] if requirements else []),
            f"-tags={tags}",
            f"-ldflags=-s -w {ldflags}",
            f"-o={output}",
            package,
        ],
        cwd=module,
        log=cache_dir() / f"build-{output.name}.log",
        env={"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"},
        seconds=_BUILD_SECONDS,
    )


def debian_rootfs(kind: str, packages: tuple[str, ...], progress: Progress) -> Path:
    """Return a folder with a `rootfs.tar` of minimal Debian and the packages."""

    def make(folder: Path) -> None:
        sources = toolchain.apt_sources()
        commands.run(
            [
                "mmdebstrap",
                "--variant=minbase",
                f"--include={','.join(packages)}",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                DEBIAN,
                str(folder / "rootfs.tar"),
                *([str(sources)] if sources and DEBIAN in sources.read_text() else []),
            ],
            log=cache_dir() / f"build-{kind}.log",
            seconds=_BUILD_SECONDS,
        )

    return kept(kind, store.key(DEBIAN, *packages), f"{kind} root file system", progress, make)


def static(source: Path, progress: Progress) -> Path:
    """Return a folder with the C program in `source`, linked statically with musl."""

    def make(folder: Path) -> None:
        target = str(folder / source.stem)
        commands.run(["musl-gcc", "-static", "-Os", "-s", "-Wall", "-o", target, str(source)])

    return kept(source.stem, store.key(source), f"{source.stem} (musl)", progress, make)
