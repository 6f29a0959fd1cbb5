"""A cluster in memory, and its objects with parts that are missing, null or of another type."""

import copy
import random
from collections.abc import Iterator
from typing import Any, cast

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.objects import name_of
from tests.unit.cluster import clusters
from tests.unit.cluster.objects import configmap

JUNK: tuple[Any, ...] = (
    None,
    "",
    "x",
    "\ufffc",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    [None],
    ["a"],
    {"a": None},
    [{}],
    [[1]],
)


class InMemory:
    """Answers what reading asks of a `Cluster`; namespaces and selectors are not looked at."""

    context, host = "memory", "memory"

    def __init__(self, objects: dict[str, list[Any]]) -> None:
        self._objects = objects

    def version(self) -> str:
        return "v1.33.4"

    def list(self, resource: str, **_: object) -> Iterator[Any]:
        yield from self._objects.get(resource, [])

    def find(self, resource: str, name: str, **_: object) -> Any:
        return next((one for one in self.list(resource) if name_of(one) == name), None)


def in_memory(objects: dict[str, list[Any]]) -> Cluster:
    """Return a cluster of these objects."""
    return cast("Cluster", InMemory(objects))


def whole() -> dict[str, list[Any]]:
    """Return a cluster that has something of everything."""
    objects = clusters.together(
        {"nodes": clusters.nodes("n1", "n2", labels={"cloud.google.com/gke-nodepool": "p"})},
        clusters.kube_dns("--max-tcp-connections", "200"),
        clusters.node_cache(spec=clusters.node_cache_spec("-upstreamsvc", "kube-dns-upstream")),
        {
            "configmaps": [
                configmap("kube-dns", stubDomains='{"a":["10.0.0.1"]}', upstreamNameservers='["8.8.8.8"]'),
                configmap("dns-autoscaler", linear='{"nodesPerReplica":16}'),
                configmap("kubelet-config", kubelet="clusterDNS: [10.96.0.10]"),
            ],
            "namespaces": [{"metadata": {"name": "kube-system", "labels": {"a": "b"}}}],
            "ciliumlocalredirectpolicies": [
                {
                    "metadata": {"name": "lrp"},
                    "spec": {
                        "redirectFrontend": {"addressMatcher": {"ip": "10.96.0.10"}},
                        "redirectBackend": {
                            "localEndpointSelector": {"matchLabels": {"app": "node-local-dns"}}
                        },
                    },
                }
            ],
            "networkpolicies": [
                {
                    "metadata": {"name": "deny"},
                    "spec": {
                        "podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
                        "policyTypes": ["Egress", "Ingress"],
                        "egress": [
                            {
                                "to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                                "ports": [{"protocol": "UDP", "port": 53, "endPort": 54}, {"port": "dns"}],
                            }
                        ],
                        "ingress": [{"from": [{"podSelector": {}, "namespaceSelector": {}}]}],
                    },
                }
            ],
        },
    )
    for resource, found in objects.items():
        for one in found:
            if resource != "nodes":
                one["metadata"].setdefault("namespace", "kube-system")
    return objects


def spoiled(objects: dict[str, list[Any]], seed: int, times: int) -> dict[str, list[Any]]:
    """Return objects with parts replaced or left out; each stays an object, as it does in an API's list."""
    draw = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    made = copy.deepcopy(objects)
    for _ in range(times):
        parent: Any = draw.choice([one for found in made.values() for one in found])
        while True:
            keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
            if not keys:
                break
            key = draw.choice(keys)
            child = parent[key]
            if isinstance(child, dict | list) and child and draw.random() < 0.85:
                parent = child
            elif draw.random() < 0.3:
                del parent[key]
                break
            else:
                parent[key] = copy.deepcopy(draw.choice(JUNK))
                break
    return made
