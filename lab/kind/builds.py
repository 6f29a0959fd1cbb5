"""What a kind cluster without a registry is made of, built once and kept by content."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import build, store, toolchain
from lab.commands import run
from lab.images import REPOSITORY, Image, files_layer, write_archive
from lab.node import DEBIAN_CNI_PLUGINS, containerd_of_node
from lab.paths import SOURCE
from lab.recipes import Progress, debian_rootfs, go_program, kept
from lab.template import import_images

# Where a node of ours finds what it shares with the host: builds that are only read.
PROGRAMS_MOUNT = "/kind/bin"
IMAGES_MOUNT = "/kind/images"

_NODE_PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "iproute2",
    "conntrack",
    "ethtool",
    "socat",
    "python3",
)
# What the entry point of a node consists of, besides the standard library.
_NODE_MODULES = (
    "__init__.py",
    "cgroups.py",
    "shared_images.py",
    "sysctls.py",
    "kind/__init__.py",
    "kind/node.py",
)


@dataclass(frozen=True)
class NodeBuilds:
    """What a node image of ours needs.

    Attributes:
        image: The node image's name.
        archive: The same as a docker-archive.
        programs: Kubernetes' programs, mounted at PROGRAMS_MOUNT.
        images: A containerd root with every image, mounted at IMAGES_MOUNT.
    """

    image: str
    archive: Path
    programs: Path
    images: Path

    def names(self) -> list[str]:
        """Return the builds' names."""
        return [self.archive.parent.name, self.programs.name, self.images.parent.name]


def kind(progress: Progress) -> Path:
    """Return a folder with the program `kind`."""

    def make(folder: Path) -> None:
        go_program(SOURCE / "kind", folder / "kind")

    sources = [SOURCE / "kind" / name for name in ("go.mod", "go.sum", "main.go")]
    return kept("kind-program", store.key(*sources), "kind", progress, make)


def docker(progress: Progress) -> Path:
    """Return a folder with the distribution's Docker, unpacked but not installed: installing it starts it."""

    def make(folder: Path) -> None:
        toolchain.apt_get("update")
        toolchain.apt_get("install", "--yes", "--no-install-recommends", "libdevmapper1.02.1")
        toolchain.apt_get("download", "docker.io", folder=folder)
        for package in folder.glob("*.deb"):
            run(["dpkg-deb", "--extract", str(package), str(folder)])
            package.unlink()

    return kept("docker", store.key("docker.io"), "Docker", progress, make)


def node(progress: Progress) -> NodeBuilds:
    """Return what a node image of ours needs."""
    builds = build.build(progress)
    images = _images(builds, progress)
    archive, tag = _node(progress)
    return NodeBuilds(f"{REPOSITORY}/node:{tag}", archive, builds.kubernetes, images / "root")


def _node(progress: Progress) -> tuple[Path, str]:
    """Return the node image as an archive, and its tag."""
    rootfs = debian_rootfs("node", _NODE_PACKAGES, progress) / "rootfs.tar"
    config = containerd_of_node(DEBIAN_CNI_PLUGINS)
    version = f"v{build.KUBERNETES_VERSION}"
    modules = {name: SOURCE / name for name in _NODE_MODULES}
    digest = store.key(rootfs.parent.name, config, version, *modules.values(), SOURCE / "images.py")
    tag = f"{version}-{digest[:8]}"

    def make(folder: Path) -> None:
        (folder / "config.toml").write_text(config)
        (folder / "version").write_text(f"{version}\n")
        files = {f"/kind/python/lab/{name}": path for name, path in modules.items()}
        files |= {"/kind/version": folder / "version", "/etc/containerd/config.toml": folder / "config.toml"}
        links = {f"/usr/local/bin/{name}": f"{PROGRAMS_MOUNT}/{name}" for name in build.PROGRAMS}
        layer = files_layer(folder / "layer.tar", files, links)
        entrypoint = ("/usr/bin/python3", "-m", "lab.kind.node")
        image = Image(f"{REPOSITORY}/node:{tag}", (rootfs, layer), entrypoint, ("PYTHONPATH=/kind/python",))
        write_archive(image, folder / "node.tar")
        layer.unlink()

    return kept("kind-node", digest, "kind node image", progress, make) / "node.tar", tag


def _images(builds: build.Builds, progress: Progress) -> Path:
    """Return the lab's containerd template with one image more: the control plane, by kubeadm's names."""
    appliance = build.appliance_rootfs(progress) / "rootfs.tar"

    def make(folder: Path) -> None:
        shutil.copytree(builds.template / "root", folder / "root", symlinks=True, copy_function=_link)
        programs = {"/usr/local/bin/kubernetes": builds.kubernetes / "kubernetes"}
        links = {f"/usr/local/bin/{name}": "kubernetes" for name in build.PROGRAMS}
        layer = files_layer(folder / "layer.tar", programs, links)
        kubeadm = [str(builds.kubernetes / "kubeadm"), "config", "images", "list"]
        listed = run([*kubeadm, f"--kubernetes-version=v{build.KUBERNETES_VERSION}"]).split()
        names = [name for name in listed if "/coredns" not in name and "/pause" not in name]
        import_images(folder, [Image(names[0], (appliance, layer), also=tuple(names[1:]))])
        layer.unlink()

    digest = store.key(*builds.names(), appliance.parent.name, SOURCE / "images.py", SOURCE / "template.py")
    return kept("kind-images", digest, "kind node's container images", progress, make)


def _link(source: str, target: str) -> None:
    """Link a file that is only read; copy a database, which is written to."""
    if source.endswith(".db"):
        shutil.copy2(source, target)
    else:
        os.link(source, target)
