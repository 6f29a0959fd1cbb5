"""A kind cluster's images: of its nodes, and of what runs on them; pulled, built by Docker, or made here."""

import re
import select
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab import build
from lab.commands import run
from lab.errors import LabError
from lab.images import REPOSITORY
from lab.kind import builds
from lab.kind.docker import docker, nodes, present
from lab.paths import REPOSITORY as REPO
from lab.paths import cache_dir
from lab.recipes import Progress
from lab.template import export_images

# The default of kind 0.32.0 (pkg/apis/config/defaults/image.go).
PUBLISHED = "kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5"
COREDNS = f"{REPOSITORY}/coredns:{build.COREDNS_VERSION}"
PROBE = f"{REPOSITORY}/probe:1"
_REGISTRY_SECONDS = 8.0
_BUILD_SECONDS = 600.0


def is_ours(image: str) -> bool:
    """Whether an image is made here, and can be pulled nowhere."""
    return image.startswith(f"{REPOSITORY}/")


def of_nodes(cluster: str) -> str:
    """Return the image of a kind cluster's nodes."""
    return docker("inspect", "--format={{.Config.Image}}", nodes(cluster)[0]).strip()


def node_image(wanted: str | None, progress: Progress) -> tuple[str, builds.NodeBuilds | None]:
    """Return the node image, which Docker then has, and what it needs if it is ours.

    Args:
        wanted: The user's choice; None for kind's own where it can be had, else ours.
        progress: Hears of what takes its time.

    Raises:
        LabError: it cannot be had.
    """
    if wanted is None or not is_ours(wanted):
        try:
            pull(wanted or PUBLISHED, progress)
        except LabError as error:
            if wanted is not None:
                raise LabError(f"--kind-image: {error}") from None
            progress(f"{error}: the nodes get an image made here")
        else:
            return wanted or PUBLISHED, None
    ours = builds.node(progress)
    if wanted not in (None, ours.image):
        raise LabError(f"--kind-image: {wanted} is not made here any more, {ours.image} is")
    if not present(ours.image):
        docker("load", "--quiet", f"--input={ours.archive}")
    return ours.image, ours


def pull(image: str, progress: Progress) -> None:
    """Make sure that Docker has an image.

    Raises:
        LabError: it cannot be pulled, or no registry answers.
    """
    if present(image):
        return
    progress(f"pulling {image} …")
    said = ""
    with subprocess.Popen(
        ["docker", "pull", image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        if process.stdout and not select.select([process.stdout], [], [], _REGISTRY_SECONDS)[0]:
            process.kill()
            said = f"no registry answers within {_REGISTRY_SECONDS:.0f} s"
        for line in process.stdout or ():
            said = line.strip() or said
    if process.returncode:
        raise LabError(f"{image} cannot be pulled ({said})")


def load(cluster: str, wanted: Iterable[Path], foreign: Sequence[str], progress: Progress) -> dict[str, str]:
    """Make sure that every node of a cluster with a foreign node image has what it is to run.

    Args:
        cluster: The kind cluster's name.
        wanted: Manifests.
        foreign: Images besides, which Docker pulls.
        progress: Hears of what takes its time.

    Returns:
        Image that manifests name -> image that the nodes have in its place.
    """
    named = {name for path in wanted for name in re.findall(r"image: (\S+)", path.read_text())}
    made_here = sorted(name for name in named if is_ours(name) and name != COREDNS)
    if not foreign:
        made_here += [] if _probe_by_docker(progress) else [PROBE]
    by_docker = [*foreign, *([] if foreign or PROBE in made_here else [PROBE])]
    for image in by_docker:
        pull(image, progress)
    kind = ["kind", "load"]
    if by_docker:
        run([*kind, "docker-image", *by_docker, f"--name={cluster}"], seconds=_BUILD_SECONDS)
    if made_here:
        template = build.template(progress)
        with tempfile.TemporaryDirectory(prefix="kind-", dir=cache_dir()) as folder:
            archive = Path(folder, "images.tar")
            export_images(template, made_here, archive)
            run([*kind, "image-archive", str(archive), f"--name={cluster}"], seconds=_BUILD_SECONDS)
    return {COREDNS: coredns(cluster)}


def coredns(cluster: str) -> str:
    """Return the CoreDNS image that the nodes have: kubeadm's in a published node image.

    Raises:
        LabError: they have none.
    """
    node = nodes(cluster)[0]
    held = docker("exec", node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet").split()
    tags = [name for name in held if "/coredns" in name and "@" not in name]
    if not tags:
        raise LabError(f"the node image of {cluster} holds no CoreDNS; use another --kind-image")
    return COREDNS if COREDNS in tags else tags[0]


def _probe_by_docker(progress: Progress) -> bool:
    """Whether Docker has the probe image, or could build it, which takes a registry."""
    if present(PROBE):
        return True
    progress("building the probe image with Docker …")
    try:
        docker("build", "--quiet", f"--tag={PROBE}", str(REPO / "images" / "probe"), seconds=_BUILD_SECONDS)
    except LabError as error:
        progress(f"Docker cannot build it ({error}): made here instead")
        return False
    return True
