"""Probe pods on every node, in every way to configure a pod's DNS, and what they were given."""

import copy
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.workload import Workload
from clusterdns.errors import AdmissionRefused, HarnessError, NodeLost
from clusterdns.model.pods import CLUSTER_FIRST, VARIANTS, NodeView, Privilege, Variant
from clusterdns.model.topology import Fact
from clusterdns.parallel import in_parallel
from clusterdns.probing.identity import Identity, identity
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober, agent_configmap, on_node
from clusterdns.suite import MANIFESTS

SERVICE = "clusterdns-target"
"""A Service in the namespace of the pods that make lookups: enough to have a name."""

_NAMED = 3  # nodes whose pods were given an address

_Started = dict[tuple[str, str], ProbePod | HarnessError]
"""(node, variant) -> its pod, or why there is none."""


@dataclass(frozen=True, slots=True)
class Probes:
    """The run's probe pods.

    Attributes:
        pods: (node, variant) -> pod.
        refused: Privilege -> why the cluster lets in no pod that needs it; those are absent that it lets in.
        not_measured: Node -> why a pod of it did not start; the node has none then.
        lost: Node -> why it is asked nothing any more; grows while the run goes on.
    """

    pods: Mapping[tuple[str, str], ProbePod]
    refused: Mapping[Privilege, str]
    not_measured: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)

    def of(self, variant: str) -> dict[str, ProbePod]:
        """Return node -> its pod of a variant, for the nodes that have one and are not lost.

        Raises:
            NodeLost: every node is.
        """
        left = {node for node, _ in self.pods} - self.lost.keys()
        if self.lost and not left:
            node, reason = next(iter(self.lost.items()))
            raise NodeLost(f"no node is left: {node}: {reason}")
        return {node: pod for (node, name), pod in self.pods.items() if name == variant and node in left}


def start_probes(
    cluster: Cluster, prober: Prober, workload: Workload, nodes: Sequence[str], image: str
) -> Probes:
    """Start one pod of every variant on every node, and wait until all are ready.

    Where captures are refused, their pods start without; other pods that are refused are absent. A node on
    which a pod does not start is not measured.

    Raises:
        HarnessError: no node has all its pods; the reason is the first node's.
    """
    prepared: set[str] = set()
    making = {least: threading.Lock() for least in (True, False)}

    def start(privilege: Privilege, *, least: bool) -> _Started:
        namespace = workload.namespace if least else workload.privileged_namespace
        with making[least]:
            if namespace not in prepared:
                prepared.add(namespace)
                for manifest in (agent_configmap(), *(() if least else (probe_service(),))):
                    cluster.create(workload.owned(manifest, namespace))
        templates = {
            name: _template(variant, capture=not least)
            for name, variant in VARIANTS.items()
            if variant.privilege is privilege
        }
        keys = [(node, name) for name in templates for node in nodes]
        manifests = [
            workload.owned(on_node(templates[name], node, image, f"{name}-{nodes.index(node)}"), namespace)
            for node, name in keys
        ]
        return dict(zip(keys, prober.start(manifests), strict=True))

    def start_allowed(privilege: Privilege) -> tuple[_Started, str | None]:
        try:
            return start(privilege, least=privilege is Privilege.NONE), None
        except AdmissionRefused as error:
            refused = str(error)
        if privilege is Privilege.CAPTURE:  # then at least look at the pods that everybody has
            with suppress(AdmissionRefused):
                return start(privilege, least=True), refused
        return {}, refused

    by_privilege = dict(zip(Privilege, in_parallel(start_allowed, Privilege), strict=True))
    started = {key: pod for of_privilege, _ in by_privilege.values() for key, pod in of_privilege.items()}
    failures: dict[str, HarnessError] = {}
    for (node, _), pod in started.items():
        if isinstance(pod, HarnessError):
            failures.setdefault(node, pod)
    if failures and len(failures) == len(nodes):
        raise next(iter(failures.values()))
    return Probes(
        {
            (node, name): pod
            for (node, name), pod in started.items()
            if node not in failures and isinstance(pod, ProbePod)
        },
        {privilege: refused for privilege, (_, refused) in by_privilege.items() if refused},
        {node: str(error) for node, error in failures.items()},
        prober.lost,
    )


def identities(prober: Prober, probes: Probes) -> dict[tuple[str, str], Identity]:
    """Return (node, variant) -> what the pod says of itself, for the nodes that are not lost meanwhile."""
    answers = on_nodes_left(lambda key: identity(prober, probes.pods[key]), probes.pods)
    return {key: answer for key, answer in answers if key[0] not in prober.lost}


def nameservers_given(
    identities: Mapping[tuple[str, str], Identity], told: Sequence[Fact[str]]
) -> dict[str, str]:
    """Return each address that ClusterFirst pods were given -> where that was read.

    Args:
        identities: (node, variant) -> what the pod says of itself.
        told: What kubelets are told, which is named where pods were given something else.
    """
    given: dict[str, list[str]] = {}
    for (node, variant), pod in sorted(identities.items()):
        if variant == CLUSTER_FIRST:
            for address in pod.resolv_conf.nameservers:
                given.setdefault(address, []).append(node)
    differs = given.keys() != {fact.value for fact in told}
    besides = f"; kubelets are told {', '.join(map(str, told))}" if told and differs else ""
    return {address: f"{_resolv_conf_of(nodes)}{besides}" for address, nodes in given.items()}


def node_views(
    probes: Probes, identities: Mapping[tuple[str, str], Identity], zone_labels: Mapping[str, str]
) -> list[NodeView]:
    """Return what every variant was given, node by node.

    Args:
        probes: The pods.
        identities: What they say of themselves.
        zone_labels: Node -> its topology.kubernetes.io/zone.
    """
    return [
        NodeView(
            node=node,
            zone_label=zone_label,
            namespaces={name: pod.namespace for (on, name), pod in probes.pods.items() if on == node},
            seen={name: pod.resolv_conf for (on, name), pod in identities.items() if on == node},
        )
        for node, zone_label in sorted(zone_labels.items())
        if (node, CLUSTER_FIRST) in identities
    ]


def search_list_events(cluster: Cluster, namespaces: Iterable[str]) -> list[str]:
    """Return what kubelets say about search lists that they had to cut, as "POD: MESSAGE"."""
    return [
        f"{event['involvedObject']['name']}: {event['message']}"
        for namespace in namespaces
        for event in cluster.list("events", namespace=namespace, fields="reason=DNSConfigForming")
    ]


def _resolv_conf_of(nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    return f"resolv.conf of pods on {', '.join(nodes[:_NAMED])}{more}"


def _template(variant: Variant, *, capture: bool) -> dict[str, Any]:
    name = "capture" if variant.capture and capture else "probe"
    template: dict[str, Any] = copy.deepcopy(
        yaml.safe_load((MANIFESTS / "probe" / f"{name}.yaml").read_text())
    )
    spec = template["spec"]
    spec["dnsPolicy"] = variant.policy.value
    spec["hostNetwork"] = variant.host_network
    if variant.dns_config is not None:
        options = [
            {"name": name} if value is None else {"name": name, "value": value}
            for name, value in variant.dns_config.options
        ]
        config = {
            "nameservers": list(variant.dns_config.nameservers),
            "searches": list(variant.dns_config.searches),
            "options": options,
        }
        spec["dnsConfig"] = {key: value for key, value in config.items() if value}
    return template


def probe_service() -> dict[str, Any]:
    """Return a Service that has a name, and nothing behind it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }
