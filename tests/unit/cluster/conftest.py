"""Reads the topology of clusters that are served as objects."""

from collections.abc import Callable
from typing import Any

import pytest

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.facts import read_topology
from clusterdns.model.topology import Topology
from tests.unit.cluster.clusters import nodes, together
from tests.unit.cluster.objects import serve
from tests.unit.conftest import ApiServer

Read = Callable[..., Topology]


@pytest.fixture
def read(api_server: ApiServer, cluster: Cluster) -> Read:
    """Serves objects of a namespace and reads the topology."""

    def read(
        *parts: dict[str, list[dict[str, Any]]], namespace: str = "kube-system", **told: Any
    ) -> Topology:
        if namespace != "kube-system":
            serve(api_server)
        serve(
            api_server, namespace, **together({"nodes": nodes()} if "nodes" not in parts[-1] else {}, *parts)
        )
        return read_topology(cluster, **told)

    return read
