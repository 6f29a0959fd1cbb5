"""Everything a lab boots from, built once and kept by content: programs, root file systems, images."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import commands, store, toolchain
from lab.errors import LabError
from lab.images import REPOSITORY, Image, files_layer, write_archive
from lab.paths import REPOSITORY as REPO
from lab.paths import SOURCE
from lab.recipes import Progress, debian_rootfs, go_program, kept, static
from lab.template import import_images

KUBERNETES_VERSION = "1.34.4"
COREDNS_VERSION = "1.13.1"
NEWER_COREDNS_VERSION = "1.15.0"
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
KUBE_DNS_PROGRAMS = ("kube-dns", "dnsmasq-nanny", "sidecar")
PAUSE_IMAGE = f"{REPOSITORY}/pause:1"
_APPLIANCE_PACKAGES = ("dnsmasq-base", "iptables", "iproute2")


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
        go_program(SOURCE / "kubernetes", folder / "kubernetes", ldflags=ldflags, tags="providerless")
        for program in PROGRAMS:
            (folder / program).symlink_to("kubernetes")

    return kept("kubernetes", digest, f"Kubernetes {KUBERNETES_VERSION} (5 to 10 minutes)", progress, make)


def _coredns(progress: Progress) -> Path:
    digest = store.key(SOURCE / "coredns")

    def make(folder: Path) -> None:
        go_program(SOURCE / "coredns", folder / "coredns")

    return kept("coredns", digest, f"CoreDNS {COREDNS_VERSION} (1 to 2 minutes)", progress, make)


def newer_coredns(progress: Progress) -> tuple[str, Path]:
    """Return the name of an image of a newer CoreDNS, which no lab has from the start, and its archive.

    Raises:
        LabError: the build failed, or the disk is nearly full.
    """
    name = f"{REPOSITORY}/coredns:{NEWER_COREDNS_VERSION}"
    module, newer = SOURCE / "coredns", SOURCE / "coredns-newer"

    def make(folder: Path) -> None:
        program = folder / "coredns"
        go_program(module, program, requirements=newer / "go.mod")
        layer = files_layer(folder / "layer.tar", {"/coredns": program})
        write_archive(Image(name, (layer,), ("/coredns",)), folder / "image.tar")
        layer.unlink()

    digest, label = store.key(module, newer, name), f"CoreDNS {NEWER_COREDNS_VERSION} (1 to 2 minutes)"
    return name, kept("newer-coredns", digest, label, progress, make) / "image.tar"


def _kube_dns(progress: Progress) -> Path:
    """Return the folder of the stand-ins for kube-dns' programs."""

    def make(folder: Path) -> None:
        for program in KUBE_DNS_PROGRAMS:
            go_program(SOURCE / "kubedns", folder / program, package=f"./{program}")

    return kept("kubedns", store.key(SOURCE / "kubedns"), "stand-ins for kube-dns (1 minute)", progress, make)


def _probe_packages() -> tuple[str, ...]:
    lines = (REPO / "images" / "probe" / "packages.txt").read_text().splitlines()
    stripped = (line.partition("#")[0].strip() for line in lines)
    return tuple(line for line in stripped if line)


def appliance_rootfs(progress: Progress) -> Path:
    """Return a folder with the `rootfs.tar` of what serves DNS or sets up iptables."""
    return debian_rootfs("appliance", _APPLIANCE_PACKAGES, progress)


def template(progress: Progress) -> Path:
    """Return a containerd root that holds every image, made without the programs of Kubernetes."""
    toolchain.ensure_packages()
    return _template(progress, lambda: _coredns(progress)) / "root"


def _template(progress: Progress, coredns: Callable[[], Path]) -> Path:
    """Return a containerd root into which every image is imported and unpacked."""
    pause = static(SOURCE / "pause" / "pause.c", progress)
    musl = static(REPO / "images" / "probe" / "getaddrinfo.c", progress)
    with ThreadPoolExecutor(max_workers=2) as pool:
        probe = pool.submit(debian_rootfs, "probe", _probe_packages(), progress)
        appliance = pool.submit(appliance_rootfs, progress)
    coredns_folder = coredns()
    kube_dns = _kube_dns(progress)

    def make(folder: Path) -> None:
        work = folder / "work"
        work.mkdir()

        def layer(name: str, inside: str, source: Path) -> Path:
            return files_layer(work / f"{name}.tar", {inside: source})

        coredns_layer = layer("coredns", "/coredns", coredns_folder / "coredns")
        musl_layer = layer("musl", "/usr/local/bin/getaddrinfo-musl", musl / "getaddrinfo")
        debian = appliance.result() / "rootfs.tar"
        python = probe.result() / "rootfs.tar"

        def stand_in(source: Path, image: str, *layers: Path) -> Image:
            own = layer(source.name, f"/{source.name}", source)
            return Image(f"{REPOSITORY}/{image}", (*layers, own), (f"/{source.name}",))

        import_images(
            folder,
            [
                Image(PAUSE_IMAGE, (layer("pause", "/pause", pause / "pause"),), ("/pause",)),
                Image(f"{REPOSITORY}/coredns:{COREDNS_VERSION}", (coredns_layer,), ("/coredns",)),
                Image(f"{REPOSITORY}/probe:1", (python, musl_layer)),
                stand_in(kube_dns / "dnsmasq-nanny", "k8s-dns-dnsmasq-nanny:2.90", debian),
                stand_in(kube_dns / "kube-dns", "k8s-dns-kube-dns:stand-in"),
                stand_in(kube_dns / "sidecar", "k8s-dns-sidecar:stand-in"),
                stand_in(
                    SOURCE / "standins" / "node-cache",
                    f"k8s-dns-node-cache:stand-in-coredns-{COREDNS_VERSION}",
                    debian,
                    coredns_layer,
                ),
            ],
        )
        shutil.rmtree(work)

    inputs = [
        coredns_folder.name,
        pause.name,
        musl.name,
        kube_dns.name,
        probe.result().name,
        appliance.result().name,
    ]
    sources = [SOURCE / name for name in ("images.py", "template.py", "build.py", "standins")]
    return kept("images", store.key(*inputs, *sources), "container images", progress, make)
