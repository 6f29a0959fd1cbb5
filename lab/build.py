"""Everything a lab boots from, built once and kept by content: programs, root file systems, images."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import commands, state, store, toolchain
from lab.errors import LabError
from lab.images import REPOSITORY, Image, files_layer, write_archive
from lab.paths import REPOSITORY as REPO
from lab.paths import SOURCE, cache_dir

KUBERNETES_VERSION = "1.34.4"
COREDNS_VERSION = "1.13.1"
DEBIAN = "bookworm"  # its dnsmasq is 2.90, as in k8s-dns 1.23 to 1.26
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubeadm",
    "kubectl",
)
PAUSE_IMAGE = f"{REPOSITORY}/pause:1"
_BUILD_SECONDS = 3000.0
_FREE_BYTES = 8 << 30
_APPLIANCE_PACKAGES = ("dnsmasq-base", "iptables", "iproute2")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Builds:
    """Folders of what a lab boots from."""

    kubernetes: Path  # one program, linked under each of PROGRAMS
    coredns: Path
    template: Path  # a containerd root that holds every image, unpacked

    def names(self) -> list[str]:
        """Return the folders' names."""
        return [folder.name for folder in (self.kubernetes, self.coredns, self.template)]


def build(progress: Progress) -> Builds:
    """Return every build, making what is not kept yet.

    Raises:
        LabError: a program is missing, a build failed, or the disk is nearly full.
    """
    installed = toolchain.ensure_packages()
    if installed:
        progress(f"installed {' '.join(installed)}")
    with ThreadPoolExecutor(max_workers=4) as pool:
        try:
            kubernetes = pool.submit(_kubernetes, progress)
            coredns = pool.submit(_coredns, progress)
            template = pool.submit(_template, progress, coredns.result)
            return Builds(kubernetes.result(), coredns.result(), template.result())
        except BaseException:
            commands.end_all()  # so that the other builds fail now and their drafts are removed
            raise


def _kept(kind: str, digest: str, label: str, progress: Progress, make: Callable[[Path], None]) -> Path:
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


def _go_build(module: Path, output: Path, *, ldflags: str, tags: str = "") -> None:
    commands.run(
        [
            toolchain.go(),
            "build",
            "-mod=readonly",
            "-trimpath",
            f"-tags={tags}",
            f"-ldflags=-s -w {ldflags}",
            f"-o={output}",
            ".",
        ],
        cwd=module,
        log=cache_dir() / f"build-{output.name}.log",
        env={"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"},
        seconds=_BUILD_SECONDS,
    )


def _kubernetes_inputs() -> tuple[str, str]:
    """Return the linker flags, and the digest of everything the build is made from."""
    major, minor, _ = KUBERNETES_VERSION.split(".")
    version = {
        "gitVersion": f"v{KUBERNETES_VERSION}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    ldflags = " ".join(
        f"-X {package}.{name}={value}" for package in packages for name, value in version.items()
    )
    return ldflags, store.key(SOURCE / "kubernetes", ldflags, *PROGRAMS)


def kubernetes_programs() -> Path:
    """Return the folder of the programs, which a running lab has had built.

    Raises:
        LabError: they are not there.
    """
    found = store.kept("kubernetes", _kubernetes_inputs()[1])
    if found is None:
        raise LabError("the lab's programs are not built; run: python -m lab build")
    return found


def _kubernetes(progress: Progress) -> Path:
    ldflags, digest = _kubernetes_inputs()

    def make(folder: Path) -> None:
        _go_build(SOURCE / "kubernetes", folder / "kubernetes", ldflags=ldflags, tags="providerless")
        for program in PROGRAMS:
            (folder / program).symlink_to("kubernetes")

    return _kept("kubernetes", digest, f"Kubernetes {KUBERNETES_VERSION} (5 to 10 minutes)", progress, make)


def _coredns(progress: Progress) -> Path:
    digest = store.key(SOURCE / "coredns")

    def make(folder: Path) -> None:
        _go_build(SOURCE / "coredns", folder / "coredns", ldflags="")

    return _kept("coredns", digest, f"CoreDNS {COREDNS_VERSION} (1 to 2 minutes)", progress, make)


def _rootfs(kind: str, packages: tuple[str, ...], progress: Progress) -> Path:
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

    return _kept(kind, store.key(DEBIAN, *packages), f"{kind} root file system", progress, make)


def _probe_packages() -> tuple[str, ...]:
    lines = (REPO / "images" / "probe" / "packages.txt").read_text().splitlines()
    stripped = (line.partition("#")[0].strip() for line in lines)
    return tuple(line for line in stripped if line)


def _static(source: Path, progress: Progress) -> Path:
    """Return a folder with the C program in `source`, linked statically with musl."""

    def make(folder: Path) -> None:
        target = str(folder / source.stem)
        commands.run(["musl-gcc", "-static", "-Os", "-s", "-Wall", "-o", target, str(source)])

    return _kept(source.stem, store.key(source), f"{source.stem} (musl)", progress, make)


def _template(progress: Progress, coredns: Callable[[], Path]) -> Path:
    """Return a containerd root into which every image is imported and unpacked."""
    pause = _static(SOURCE / "pause" / "pause.c", progress)
    musl = _static(REPO / "images" / "probe" / "getaddrinfo.c", progress)
    nanny = _static(SOURCE / "standins" / "dnsmasq-nanny.c", progress)
    with ThreadPoolExecutor(max_workers=2) as pool:
        probe = pool.submit(_rootfs, "probe", _probe_packages(), progress)
        appliance = pool.submit(_rootfs, "appliance", _APPLIANCE_PACKAGES, progress)
    coredns_folder = coredns()

    def make(folder: Path) -> None:
        work = folder / "work"
        work.mkdir()

        def layer(name: str, inside: str, source: Path) -> Path:
            return files_layer(work / f"{name}.tar", {inside: source})

        coredns_layer = layer("coredns", "/coredns", coredns_folder / "coredns")
        musl_layer = layer("musl", "/usr/local/bin/getaddrinfo-musl", musl / "getaddrinfo")
        debian = appliance.result() / "rootfs.tar"
        python = probe.result() / "rootfs.tar"

        def stand_in(program: str, image: str, *layers: Path, folder: Path = SOURCE / "standins") -> Image:
            own = layer(program, f"/{program}", folder / program)
            return Image(f"{REPOSITORY}/{image}", (*layers, own), (f"/{program}",))

        _import(
            folder,
            [
                Image(PAUSE_IMAGE, (layer("pause", "/pause", pause / "pause"),), ("/pause",)),
                Image(f"{REPOSITORY}/coredns:{COREDNS_VERSION}", (coredns_layer,), ("/coredns",)),
                Image(f"{REPOSITORY}/probe:1", (python, musl_layer)),
                stand_in("dnsmasq-nanny", "k8s-dns-dnsmasq-nanny:2.90", debian, folder=nanny),
                stand_in(
                    "kube-dns",
                    "k8s-dns-kube-dns:stand-in",
                    python,
                    coredns_layer,
                    layer("skydns", "/skydns-metrics", SOURCE / "standins" / "skydns-metrics"),
                ),
                stand_in(
                    "node-cache",
                    f"k8s-dns-node-cache:stand-in-coredns-{COREDNS_VERSION}",
                    debian,
                    coredns_layer,
                ),
                stand_in("sidecar", "k8s-dns-sidecar:stand-in", python),
            ],
        )
        shutil.rmtree(work)

    inputs = [
        coredns_folder.name,
        pause.name,
        musl.name,
        nanny.name,
        probe.result().name,
        appliance.result().name,
    ]
    sources = [SOURCE / "images.py", SOURCE / "build.py", SOURCE / "standins"]
    return _kept("images", store.key(*inputs, *sources), "container images", progress, make)


def containerd_config(root: Path, run: Path, *, cri: str = "") -> str:
    """Return containerd's configuration (version 2: read by containerd 1.3 to 2.x)."""
    unused = ["aufs", "btrfs", "zfs", "devmapper", "blockfile"]
    disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unused]
    if not cri:
        disabled.append("io.containerd.grpc.v1.cri")
    return (
        f'version = 2\nroot = "{root}"\nstate = "{run}"\ndisabled_plugins = {disabled}\n'
        f'[grpc]\n  address = "{run}/containerd.sock"\n{cri}'
    )


def _import(folder: Path, images: list[Image]) -> None:
    root = folder / "root"
    with _containerd(root) as address:
        for image in images:
            archive = write_archive(image, folder / "image.tar")
            ctr = ["ctr", "--address", address, "--namespace", "k8s.io"]
            commands.run([*ctr, "images", "import", str(archive)], seconds=300)
            archive.unlink()


@contextmanager
def _containerd(root: Path) -> Iterator[str]:
    """Run a containerd of our own on `root`; yield its address. It and its mounts end with the context."""
    with tempfile.TemporaryDirectory(prefix="lab-") as run:
        config = Path(run, "config.toml")
        config.write_text(containerd_config(root, Path(run)))
        argv = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--propagation=private", "containerd"]
        with Path(run, "log").open("w") as log:
            process = subprocess.Popen([*argv, "--config", str(config)], stdout=log, stderr=log)
        address = f"{run}/containerd.sock"
        try:
            deadline = time.monotonic() + 30
            while not os.path.exists(address):  # noqa: PTH110 - a socket, polled
                if process.poll() is not None or time.monotonic() > deadline:
                    last = Path(run, "log").read_text().strip().splitlines()[-1:]
                    raise LabError(f"containerd did not start: {''.join(last)}")
                time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.wait()
