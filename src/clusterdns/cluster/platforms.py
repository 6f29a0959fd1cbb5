"""The platforms that run Kubernetes clusters, as data: how each is told, where its DNS is, what it documents.

Every entry names its documentation. What is not documented is left out, and so not known.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterdns.model.topology import METADATA_ADDRESS, Provider

ServiceName = tuple[str, str]
"""A Service's namespace and name."""


@dataclass(frozen=True, slots=True)
class NodeDaemon:
    """DNS that runs on nodes and is no pod.

    Attributes:
        name: What it is called.
        addresses: Where it answers.
        labels: A node with all of these has it; none: nothing tells which nodes do.
        asks_cluster_by_tcp: Whether it forwards the cluster's zones to the cluster's DNS Service by TCP.
        serves_without_pods: Whether it is all that serves where no DNS pod does.
    """

    name: str
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    asks_cluster_by_tcp: bool = False
    serves_without_pods: bool = False


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade to a release changes, said to clusters that are older.

    Attributes:
        release: The first with the change.
        change: In words.
        what_if: The same as a change of `clusterdns audit --what-if`; "" where it is none.
    """

    release: tuple[int, ...]
    change: str
    what_if: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform.

    Attributes:
        name: Of it.
        documentation: Where what is said here stands.
        labels: Labels of nodes that tell it: name, or name and value as "name=value".
        version: A part of the API server's version that tells it.
        provider_id: What nodes' spec.providerID begins with.
        system: What nodes' operating system is called.
        configmaps: In kube-system, which tell it.
        services: Its DNS Service, if not kube-system/kube-dns.
        search_suffixes: How many suffixes its nodes add to a search list.
        upstream: Its own resolver, that nodes' resolv.conf names.
        daemons: DNS of its nodes.
        no_daemonsets: Labels of nodes that run no pods of DaemonSets -> why.
        limits: What its DNS bears, in words.
        upgrades: What upgrades change, the oldest first.
    """

    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    version: str = ""
    provider_id: str = ""
    system: str = ""
    configmaps: tuple[str, ...] = ()
    services: tuple[ServiceName, ...] = (("kube-system", "kube-dns"),)
    search_suffixes: int | None = None
    upstream: str | None = None
    daemons: tuple[NodeDaemon, ...] = ()
    no_daemonsets: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    upgrades: tuple[Upgrade, ...] = ()


PLATFORMS: tuple[Platform, ...] = (
    Platform(
        name="GKE",
        documentation=(
            "cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache, …/how-to/kube-dns, "
            "…/concepts/service-discovery"
        ),
        labels=("cloud.google.com/gke-nodepool",),
        version="-gke.",
        search_suffixes=3,  # older pages; the newest show two, without the zone's own
        upstream=METADATA_ADDRESS,
        limits=(
            "kube-dns before 1.36: 200 outbound TCP connections, 1,000 endpoints of a headless Service",
            "CoreDNS-based kube-dns (1.36): 1,500 outbound TCP connections, all endpoints",
        ),
        upgrades=(
            Upgrade(
                (1, 34, 1, 3720000),
                "an upgrade to 1.34.1-gke.3720000 or later turns NodeLocal DNSCache on in new clusters; "
                "kube-dns stays dnsmasq-based until 1.36",
                what_if="nodelocal=on",
            ),
            Upgrade(
                (1, 36, 0, 0),
                "NodeLocal DNSCache is on by default while kube-dns is dnsmasq-based; "
                "1.36 brings one based on CoreDNS",
                what_if="kube-dns=coredns",
            ),
        ),
    ),
    Platform(
        name="EKS",
        documentation=(
            "docs.aws.amazon.com/eks/latest/userguide: managing-coredns.html, automode.html, fargate.html; "
            "docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html"
        ),
        labels=(
            "eks.amazonaws.com/nodegroup",
            "eks.amazonaws.com/compute-type",
            "alpha.eksctl.io/cluster-name",
        ),
        version="-eks-",
        search_suffixes=1,
        daemons=(
            NodeDaemon(
                "DNS of EKS Auto Mode",
                labels={"eks.amazonaws.com/compute-type": "auto"},
                serves_without_pods=True,
            ),
        ),
        no_daemonsets={
            "eks.amazonaws.com/compute-type=fargate": (
                "is EKS Fargate: it runs one pod, which is of no DaemonSet and not in the node's network"
            )
        },
        limits=("the VPC's resolver: 1,024 packets a second from each network interface",),
        upgrades=(
            Upgrade((1, 35), "1.35 brings CoreDNS 1.14.2: its pool is FIFO, and max_age is not there yet"),
        ),
    ),
    Platform(
        name="AKS",
        documentation="learn.microsoft.com/azure/aks/coredns-custom, …/localdns-custom, …/dns-concepts",
        labels=("kubernetes.azure.com/cluster",),
        provider_id="azure://",
        search_suffixes=1,
        daemons=(
            NodeDaemon(
                "AKS LocalDNS",
                ("169.254.10.10", "169.254.10.11"),
                {"kubernetes.azure.com/localdns-state": "enabled"},
                asks_cluster_by_tcp=True,
            ),
        ),
    ),
    Platform(
        name="OpenShift",
        documentation="docs.redhat.com, OpenShift Container Platform, Networking: DNS Operator",
        labels=("node.openshift.io/os_id",),
        system="Red Hat Enterprise Linux CoreOS",
        services=(("openshift-dns", "dns-default"),),
    ),
    Platform(
        name="RKE2",
        documentation="docs.rke2.io/networking/networking_services",
        version="+rke2",
        services=(("kube-system", "rke2-coredns-rke2-coredns"), ("kube-system", "kube-dns")),
    ),
    Platform(name="k3s", documentation="docs.k3s.io/networking/networking-services", version="+k3s"),
    Platform(
        name="Gardener",
        documentation="gardener.cloud/docs/gardener/networking/dns-autoscaling, …/node-local-dns",
        labels=("worker.gardener.cloud/pool", "worker.gardener.cloud/kubernetes-version"),
    ),
    Platform(
        name="Talos",
        documentation="talos.dev, Networking: Host DNS",
        system="Talos",
        daemons=(NodeDaemon("Talos' host DNS", ("169.254.116.108",)),),
    ),
    Platform(
        name="kOps",
        documentation="kops.sigs.k8s.io/addons, …/cluster_spec (kubeDNS)",
        labels=("kops.k8s.io/instancegroup",),
    ),
    Platform(
        name="vcluster",
        documentation="vcluster.com/docs, Networking: CoreDNS",
        labels=("vcluster.loft.sh/fake-node",),
    ),
    Platform(name="kind", documentation="kind.sigs.k8s.io/docs", provider_id="kind://"),
    Platform(
        name="kubespray",
        documentation="kubespray.io, DNS in Kubernetes by Kubespray",
        configmaps=("nodelocaldns",),
        services=(("kube-system", "coredns"),),
    ),
    Platform(
        name="kubeadm",
        documentation="kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details",
        configmaps=("kubeadm-config",),
    ),
)
"""In the order in which they are looked for: what is built on another comes before it."""

NO_DAEMONSETS: Mapping[str, str] = {
    **dict.fromkeys(
        ("type=virtual-kubelet", "kubernetes.io/role=virtual-kubelet"),  # e.g. Azure's
        "is virtual: it has no kubelet of its own",
    ),
    **{label: why for platform in PLATFORMS for label, why in platform.no_daemonsets.items()},
}
"""Labels of nodes where pods of DaemonSets cannot run, and pods bound to a node neither -> why."""

_NUMBER = r"([0-9]{1,9})"
_RELEASE = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-gke\.{_NUMBER})?")


def marked(labels: Mapping[str, str], marks: Mapping[str, str]) -> str:
    """Return what the first mark ("label=value") among a node's labels says; "" where it has none."""
    said = (
        why for mark, why in marks.items() if labels.get(mark.partition("=")[0]) == mark.partition("=")[2]
    )
    return next(said, "")


@dataclass(frozen=True, slots=True)
class Signs:
    """What platforms are told by.

    Attributes:
        labels: Of all nodes, each as "name" and as "name=value".
        provider_ids: Of all nodes.
        systems: Their operating systems.
        version: The API server's.
        configmaps: Names of those in kube-system.
    """

    labels: frozenset[str]
    provider_ids: frozenset[str]
    systems: frozenset[str]
    version: str
    configmaps: frozenset[str] = frozenset()


def gke_release(version: str) -> tuple[int, ...] | None:
    """Return a version of GKE, such as "v1.34.1-gke.3720000", as numbers; None where it is none."""
    found = _RELEASE.fullmatch(version)
    return tuple(int(part) for part in found.groups()) if found and found[4] else None


def gke_upgrades(before: tuple[int, ...], after: tuple[int, ...]) -> list[Upgrade]:
    """Return what the documentation of GKE says that an upgrade between two releases changes."""
    gke = next(platform for platform in PLATFORMS if platform.name == "GKE")
    return [upgrade for upgrade in gke.upgrades if before < upgrade.release <= after]


def recognised(signs: Signs) -> tuple[Platform | None, Provider]:
    """Return the platform that a cluster runs on, None where nothing tells, and what is said of it."""
    for platform in PLATFORMS:
        source = _told(platform, signs)
        if source:
            return platform, Provider(
                platform.name,
                platform.search_suffixes,
                platform.upstream,
                tuple(_notes(platform, signs.version)),
                source,
                platform.limits,
                platform.documentation,
            )
    return None, Provider()


def _told(platform: Platform, signs: Signs) -> str:
    """Return what tells that a cluster runs on a platform; "" where nothing does."""
    label = next((label for label in platform.labels if label in signs.labels), "")
    if label:
        return f"node label {label}"
    if platform.version and platform.version in signs.version:
        return f"the API server's version {signs.version}"
    if platform.provider_id and any(one.startswith(platform.provider_id) for one in signs.provider_ids):
        return f"nodes' providerID {platform.provider_id}…"
    if platform.system and any(one.startswith(platform.system) for one in signs.systems):
        return f"nodes' operating system {platform.system}"
    configmap = next((name for name in platform.configmaps if name in signs.configmaps), "")
    return f"ConfigMap kube-system/{configmap}" if configmap else ""


def _notes(platform: Platform, version: str) -> list[str]:
    """Return what the next upgrade of a cluster changes."""
    if not platform.upgrades:
        return []
    found = _RELEASE.match(version)
    if platform.name == "GKE" and not (found and found[4]):
        return [f"GKE's version is not known: see which DNS an upgrade brings ({platform.documentation})"]
    release = tuple(int(part) for part in found.groups() if part) if found else ()
    coming = (upgrade for upgrade in platform.upgrades if release < upgrade.release)
    return [f"{upgrade.change} ({platform.documentation})" for upgrade in coming][:1] if release else []
