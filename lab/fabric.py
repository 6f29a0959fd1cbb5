"""The manager inside a lab: init of its PID namespace, boots everything, then keeps it running.

Started by `lab.launch` in fresh network, mount, PID, UTS, IPC and cgroup namespaces.
"""

import json
import os
import select
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import yaml

from lab import addons, cgroups, control, controlplane, membership, monitoring, network, relay, topology
from lab.commands import run
from lab.daemons import Daemons
from lab.errors import LabError
from lab.kubectl import Kubectl
from lab.node import Node
from lab.paths import INSIDE, INSIDE_CACHE, INSIDE_STATE, SOURCE

_API_SECONDS = 60.0
_ANCHOR_SECONDS = 10.0


class Fabric:
    """One lab, from inside."""

    def __init__(self, spec: dict[str, Any], progress: Callable[[str], None]) -> None:
        """Take the launcher's specification: topology, nodes, port, builds (paths inside)."""
        self.topology = topology.load(spec["topology"])
        self.programs = Path(spec["kubernetes"])
        self.coredns = Path(spec["coredns"])
        self.template = Path(spec["template"])
        self.addons = tuple(spec["addons"])
        self.crds = Path(spec["crds"]) if spec["crds"] else None
        self.port = int(spec["port"])
        self.name = str(spec["name"])
        self.progress = progress
        logs = INSIDE_STATE / "logs"
        logs.mkdir()
        self.daemons = Daemons(logs)
        self.dual_stack = bool(spec["dual_stack"])
        self.services = network.both(network.SERVICE_CIDR, network.SERVICE_CIDR6, dual_stack=self.dual_stack)
        self.nodes = [self.node(index) for index in range(1, int(spec["nodes"]) + 1)]
        self.last_index = len(self.nodes)
        self.pids: dict[str, int] = {}
        self.kubectl = Kubectl(self.programs, INSIDE_STATE / "super-admin.conf")

    def boot(self) -> None:
        """Bring everything up; return when nodes and workloads are ready.

        Raises:
            LabError: something failed or took too long.
        """
        self._network()
        cgroups.delegate([hierarchy.mount_point for hierarchy in cgroups.hierarchies()])
        with ThreadPoolExecutor() as pool:
            plane = pool.submit(self._control_plane)
            prepared = list(pool.map(self.make_node, self.nodes))
            plane.result()
            self.progress("API server ready")
            self._register()
            for node, _ in zip(self.nodes, prepared, strict=True):
                self.start_agents(node)
        self.daemons.wait("nodes ready", self.nodes_ready, membership.READY_SECONDS)
        self.progress("nodes ready")
        # Not before: the scheduler would crowd replicas on the first node that is.
        self.kubectl.define(self.topology.definitions)
        self.kubectl.apply(self.topology.manifests)
        if self.dual_stack:
            self._dual_stack_dns()
        self._apply_addons()
        self.daemons.wait("workloads ready", self.kubectl.workloads_ready, membership.READY_SECONDS)
        for name in {"operator", "prometheus"} & set(self.addons):
            monitoring.Prometheus(name, self.kubectl).wait("its targets", monitoring.Prometheus.sees_all)
        self._host_kubeconfig()

    def _dual_stack_dns(self) -> None:
        """Give the Services of the cluster's DNS an address of each family, as an administrator would."""
        services = "/api/v1/namespaces/kube-system/services"
        for one in self.kubectl.items(services):
            if one["spec"].get("clusterIP") != "None":
                name = one["metadata"]["name"]
                patch = '--patch={"spec":{"ipFamilyPolicy":"PreferDualStack"}}'
                self.kubectl("patch", "--namespace=kube-system", "service", name, patch)

    def _apply_addons(self) -> None:
        if self.crds is not None:
            self.kubectl.define(sorted(self.crds.glob("*.yaml")))
        self.kubectl.apply(addons.manifests(self.addons, self.topology))

    def _network(self) -> None:
        if self.dual_stack:
            run(["sh", "-ec", "\n".join(network.ROUTER_LINES6)])
        network.ip_batch(network.bridge_lines(dual_stack=self.dual_stack))
        internet = self.daemons.start("internet", ["unshare", "--net", "sleep", "infinity"])
        pid = self._anchored(internet.process.pid if internet.process else 0)
        network.ip_batch(network.port_lines("internet", pid))
        addresses = [
            f"addr add {address}/32 dev lo"
            for address in (*network.INTERNET_ADDRESSES, *network.WEB_ADDRESSES)
        ]
        network.ip_batch([*network.host_lines(network.INTERNET), *addresses], namespace_of=pid)
        network.ip_batch(
            network.pod_route_lines([node.index for node in self.nodes], dual_stack=self.dual_stack)
        )
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        folder = SOURCE / "internet"
        coredns = [str(self.coredns / "coredns"), "-conf", str(folder / "Corefile")]
        enter = ["nsenter", f"--target={pid}", "--net", "--"]
        self.daemons.start("internet-dns", [*enter, "env", f"INTERNET={folder}", *coredns])
        web = [sys.executable, str(SOURCE / "web.py"), str(INSIDE_STATE), *network.WEB_ADDRESSES]
        self.daemons.start("internet-web", [*enter, *web])

    def _anchored(self, pid: int) -> int:
        """Wait until the namespaces that `unshare … sleep` was started for exist; return `pid`."""
        deadline = time.monotonic() + _ANCHOR_SECONDS
        while Path(f"/proc/{pid}/comm").read_text().strip() != "sleep":
            if time.monotonic() > deadline:
                raise LabError("namespaces could not be made (unshare); logs are in the lab's state folder")
            time.sleep(0.005)
        return pid

    def _control_plane(self) -> None:
        controlplane.make_pki(self.programs, INSIDE_STATE, [node.name for node in self.nodes], self.services)
        self.daemons.start("etcd", controlplane.etcd(self.programs, INSIDE_STATE))
        self.daemons.start(
            "kube-apiserver", controlplane.apiserver(self.programs, INSIDE_STATE, self.services)
        )
        context = ssl.create_default_context(cafile=INSIDE_STATE / "pki" / "ca.crt")

        def ready() -> bool:
            try:
                with urllib.request.urlopen(  # noqa: S310 - always https
                    f"{controlplane.SERVER}/readyz", context=context, timeout=2
                ) as reply:
                    return bool(reply.status == 200)  # noqa: PLR2004 - HTTP
            except OSError:
                return False

        self.daemons.wait("API server", ready, _API_SECONDS)

    def make_node(self, node: Node) -> None:
        """Make a node's files, groups and namespaces, plug it in, and start its container runtime."""
        node.prepare(self.template)
        leaves = [group / "init" for group in node.cgroups]
        cgroups.create([*node.cgroups, *leaves])
        anchor = [
            "unshare",
            "--net",
            "--mount",
            "--uts",
            "--ipc",
            "--propagation=private",
            "sleep",
            "infinity",
        ]
        argv = ["unshare", "--cgroup", *cgroups.joining(leaves, anchor)]
        started = self.daemons.start(node.name, argv, groups=node.cgroups)
        pid = self._anchored(started.process.pid if started.process else 0)
        self.pids[node.name] = pid
        network.ip_batch(network.port_lines(node.name, pid))
        routes = network.pod_route_lines(
            [other.index for other in self.nodes if other is not node], dual_stack=self.dual_stack
        )
        enter = ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", "--cgroup", "--"]
        router = ["echo 1 >/proc/sys/net/ipv4/ip_forward"]
        router += network.ROUTER_LINES6 if self.dual_stack else ()
        run([*enter, "sh", "-c", "\n".join([node.mount_script(), *router])])
        network.ip_batch([*network.host_lines(node.address, node.address6), *routes], namespace_of=pid)
        self._on_node(node, "containerd", node.containerd())

    def _on_node(self, node: Node, program: str, argv: list[str]) -> None:
        leaves = [group / "init" for group in node.cgroups]
        self.daemons.start(f"{program}-{node.name}", argv, inside=self.pids[node.name], groups=leaves)

    def node(self, index: int) -> Node:
        """Return a node of this lab, which nothing is made of yet."""
        return Node(index, INSIDE_STATE / "nodes" / f"node-{index}", self.topology, self.dual_stack)

    def _register(self) -> None:
        """Create Node objects ahead of the kubelets; start what must not start before the API is ready."""
        for name, argv in (
            ("kube-controller-manager", self._controller_manager()),
            ("kube-scheduler", controlplane.scheduler(self.programs, INSIDE_STATE)),
        ):
            self.daemons.start(name, argv)
        self.create_nodes(self.nodes)
        self.kubectl.apply([SOURCE / "base.yaml"])

    def create_nodes(self, nodes: Sequence[Node]) -> None:
        """Create the Node objects, ahead of the kubelets."""
        manifests = INSIDE_STATE / "nodes.json"
        items = [node.manifest() for node in nodes]
        manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        self.kubectl.apply([manifests])

    def _controller_manager(self) -> list[str]:
        pods = network.both(network.POD_CIDR, network.POD_CIDR6, dual_stack=self.dual_stack)
        return controlplane.controller_manager(self.programs, INSIDE_STATE, self.services, pods)

    def start_agents(self, node: Node) -> None:
        """Start a node's kubelet and kube-proxy."""
        self._on_node(node, "kubelet", node.kubelet(self.programs))
        self._on_node(node, "kube-proxy", node.proxy(self.programs))

    def nodes_ready(self) -> bool:
        """Whether every node is, and there are no others."""
        nodes = self.kubectl.items("/api/v1/nodes")
        return len(nodes) == len(self.nodes) and all(map(_node_ready, nodes))

    def _host_kubeconfig(self) -> None:
        """Write the administrator's kubeconfig for the host, whole or not at all."""
        config = yaml.safe_load((INSIDE_STATE / "admin.conf").read_text())
        context = f"clusterdns-lab-{self.name}"
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.port}"
        config["contexts"][0]["name"] = config["current-context"] = context
        draft = INSIDE_STATE / "kubeconfig.new"
        draft.touch(mode=0o600)
        draft.write_text(yaml.safe_dump(config))
        draft.rename(INSIDE_STATE / "kubeconfig")

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request from the host (see `lab.control`)."""
        if request.get("do") == "restart":
            self.daemons.restart(str(request["daemon"]))
            return {}
        if request.get("do") == "stop the API":
            self.daemons.pause("kube-apiserver", float(request["seconds"]))
            return {}
        if request.get("do") == "add node":
            return {"node": membership.add_node(self), "nodes": len(self.nodes)}
        if request.get("do") == "remove node":
            membership.remove_node(self, str(request["node"]))
            return {"nodes": len(self.nodes)}
        if request.get("do") == "restart node":
            membership.restart_node(self, str(request["node"]))
            return {}
        if request.get("do") == "pids":
            return {"pids": self.pids}
        raise LabError(f"the lab does not know how to {request.get('do')!r}")


def _node_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _mount(state: str, cache: str) -> None:
    """Give the fabric a /run of its own, with the two folders of the lab at fixed places in it."""
    script = f"""set -e
        mount -n -t tmpfs -o mode=755 run /mnt
        mkdir -p /mnt/lab/cache /mnt/lab/state
        mount -n --bind "$1" /mnt/lab/cache
        mount -n --bind "$2" /mnt/lab/state
        mount -n --move /mnt /run
        {cgroups.mount_script()}"""
    run(["sh", "-c", script, "sh", cache, state])
    if not INSIDE.is_dir() or not INSIDE_CACHE.is_dir():
        raise LabError(f"{INSIDE}: not mounted")


def _die_with(pipe: int) -> None:
    """End the lab when whoever waits for it at the other end of `pipe` has gone before it is ready."""

    def watch() -> None:
        poll = select.poll()
        poll.register(pipe, 0)
        ready = INSIDE_STATE / "ready"
        while not ready.exists():
            # Once ready, whoever waited may go at any time, before we have let go of the pipe too.
            if poll.poll(500) and not ready.exists():
                os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _manage(spec: dict[str, Any]) -> NoReturn:
    began = time.monotonic()

    def progress(what: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {what}", flush=True)

    try:
        _mount(spec["state"], spec["cache"])
        _die_with(sys.stdout.fileno())
        fabric = Fabric(spec, progress)
        relay.start(socket.socket(fileno=int(spec["listener"])), controlplane.ADDRESS, controlplane.PORT)
        fabric.boot()
        control.serve(INSIDE_STATE, fabric.handle)
        (INSIDE_STATE / "ready").touch()
        progress("ready")
    except LabError as error:
        print(f"failed: {error}", flush=True)
        os._exit(1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reported: set[str] = set()
    while True:  # a program that dies later is a fact for the log; its pods and users show it too
        try:
            fabric.daemons.check()
        except LabError as error:
            if str(error) not in reported:
                reported.add(str(error))
                print(error, flush=True)
        time.sleep(1)


def main() -> None:
    """Be init: reap orphans; the manager is a child, and the lab ends with it."""
    spec = json.loads(sys.argv[1])
    manager = os.fork()
    if manager == 0:
        _manage(spec)
    while True:
        pid, status = os.wait()
        if pid == manager:
            sys.exit(os.waitstatus_to_exitcode(status) != 0)


if __name__ == "__main__":
    main()
