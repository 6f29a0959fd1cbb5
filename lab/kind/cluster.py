"""Before and after `kind create cluster`: refusing what cannot work, and making the cluster a topology's."""

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import topology
from lab.errors import LabError
from lab.kind import builds, images, network
from lab.kind.config import cluster_config
from lab.kind.docker import docker, information, nodes
from lab.kind.kubectl import NodeKubectl
from lab.recipes import Progress

_FREE_BYTES = 4 << 30
_READY_SECONDS = 120.0
_NETWORK = "kind"  # the name that kind gives it
# Written last, into kube-system: a cluster without it is none of ours, or was never finished.
_MARK = "clusterdns-kind"


@dataclass(frozen=True)
class Wanted:
    """What a cluster is made as.

    Attributes:
        topology: A folder of lab/topologies.
        nodes: How many, the control plane among them.
        dual_stack: IPv4 and IPv6.
    """

    topology: str
    nodes: int
    dual_stack: bool


def status(name: str, progress: Progress) -> dict[str, Any]:
    """Return the state of a kind cluster, "absent", "unknown" or "ready", and what it was made as.

    Of one that is ready, "path" is a folder with `kind` if PATH has none.

    Raises:
        LabError: Docker does not answer.
    """
    information()
    if not nodes(name):
        return {"state": "absent"}
    try:
        mark = json.loads(
            NodeKubectl(name)("get", "--namespace=kube-system", f"configmap/{_MARK}", "--output=json")
        )
    except LabError:
        return {"state": "unknown"}
    return {"state": "ready", "path": _kind(progress), **json.loads(mark["data"]["made"])}


def prepare(  # noqa: PLR0913 - what a cluster is made of
    name: str, wanted: Wanted, progress: Progress, *, folder: Path, image: str | None, port: int
) -> dict[str, str | bool]:
    """Make everything ready for `kind create cluster`.

    Args:
        name: The cluster's name.
        wanted: What it is made as.
        progress: Hears of what takes its time.
        folder: Where its files go; nodes go on reading them.
        image: Of the nodes; None for kind's own where it can be had, else one made here.
        port: Of the API server on 127.0.0.1; 0 for any.

    Returns:
        "config": the file for its --config; "path": a folder with `kind` if PATH has none;
        "network": whether kind's network is there already.

    Raises:
        LabError: something cannot be had, or stands in the way; nothing is left of it.
    """
    made_as = topology.load(wanted.topology)
    about = information()
    root = Path(about["DockerRootDir"])
    if root.is_dir() and shutil.disk_usage(root).free < _FREE_BYTES:
        raise LabError(f"a kind cluster needs {_FREE_BYTES >> 30} GiB free in {root}; make room first")
    if nodes(name):
        raise LabError(
            f"a kind cluster named {name!r} exists: choose another --kind-name, "
            f"reuse it with --keep, or remove it: kind delete cluster --name {name}"
        )
    if port:
        _refuse_used(port)
    node_image, ours = images.node_image(image, progress)
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text(made_as.resolv_conf())
    config = cluster_config(
        name,
        made_as,
        nodes=wanted.nodes,
        image=node_image,
        resolv_conf=resolv_conf,
        ours={builds.PROGRAMS_MOUNT: ours.programs, builds.IMAGES_MOUNT: ours.images} if ours else None,
        dual_stack=wanted.dual_stack,
        port=port,
    )
    file = folder / "kind.yaml"
    file.write_text(yaml.safe_dump(config))
    network_there = _NETWORK in docker("network", "ls", "--format={{.Name}}").split()
    return {"config": str(file), "path": _kind(progress), "network": network_there}


def tidy() -> None:
    """Remove kind's network, which `kind delete cluster` leaves, unless another cluster uses it."""
    with contextlib.suppress(LabError):
        docker("network", "rm", _NETWORK)


def settle(name: str, wanted: Wanted, foreign: Sequence[str], progress: Progress) -> None:
    """Make a fresh kind cluster one of a topology; return when its workloads are ready.

    Args:
        name: The cluster's name.
        wanted: What it is made as.
        foreign: Images of probe pods, where they are not our own.
        progress: Hears of each step.

    Raises:
        LabError: something failed or took too long.
    """
    kubectl = NodeKubectl(name)
    made_as = topology.load(wanted.topology)
    _wait("nodes registered", lambda: len(_registered(kubectl)) == wanted.nodes)
    registered = _registered(kubectl)
    image = images.of_nodes(name)
    network.repoint_kube_proxy(kubectl, name, registered)
    instead: dict[str, str] = {}
    if images.is_ours(image):
        network.plug_pods(registered)
        for foreign_image in foreign:
            raise LabError(f"{foreign_image}: nodes of an image made here run only images made here")
    else:
        instead = images.load(name, made_as.manifests, foreign, progress)
    web = "" if foreign else images.PROBE  # theirs may lack openssl
    network.internet(kubectl, registered, made_as, images.coredns(name), web)
    _wait("nodes ready", lambda: _ready(kubectl))
    progress("nodes ready")
    kubectl.define(made_as.definitions)
    kubectl.apply(made_as.manifests, instead)
    _wait("workloads ready", kubectl.workloads_ready, kubectl.trouble)
    metadata = {"name": _MARK, "namespace": "kube-system"}
    data = {"made": json.dumps(asdict(wanted))}
    kubectl.apply_objects([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}])
    progress("ready")


def _kind(progress: Progress) -> str:
    return "" if shutil.which("kind") else str(builds.kind(progress))


def _refuse_used(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(f"--kind-port {port} cannot be used on 127.0.0.1: {error.strerror}") from None


def _registered(kubectl: NodeKubectl) -> list[dict[str, Any]]:
    """Return the nodes whose pod networks and addresses are known."""
    nodes = kubectl.items("/api/v1/nodes")
    return [node for node in nodes if "podCIDRs" in node["spec"] and node["status"].get("addresses")]


def _ready(kubectl: NodeKubectl) -> bool:
    conditions = [node["status"].get("conditions", ()) for node in kubectl.items("/api/v1/nodes")]
    return all(any(c["type"] == "Ready" and c["status"] == "True" for c in of_node) for of_node in conditions)


def _wait(what: str, ready: Callable[[], bool], why: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise LabError("; ".join(filter(None, (f"{what}: not within {_READY_SECONDS:.0f} s", why()))))
        time.sleep(0.2)
