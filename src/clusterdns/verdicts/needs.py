"""What checks need of a cluster or of the probe image: without it they are skipped, with the reason."""

from clusterdns.check import Need
from clusterdns.model.resolver import Libc
from clusterdns.model.topology import LayerKind

PRIVILEGED = Need("privileged", lambda run: run.probes.refused)
"""Pods that capture packets or share the node's network."""

MUSL = Need(
    "musl",
    lambda run: (
        None if Libc.MUSL in run.libcs else "the probe image holds no getaddrinfo-musl (images/probe has it)"
    ),
)

NODELOCAL = Need(
    "nodelocal",
    lambda run: (
        None if run.topology.of_kind(LayerKind.NODE_LOCAL) else "no pod in kube-system is a node cache"
    ),
)

AUTOSCALER = Need(
    "autoscaler",
    lambda run: None if run.topology.autoscaler else "no ConfigMap in kube-system sets DNS replicas",
)
