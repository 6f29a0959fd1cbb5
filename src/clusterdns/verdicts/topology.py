"""Verdicts on a cluster's DNS topology."""

from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.topology import Layer, Topology


def identify(topology: Topology) -> Verdict:
    """A cluster whose pods have nobody to ask has failed; everything else is told, assumptions called so."""
    measurements = {
        "zone": str(topology.zone),
        "nodes": dict(topology.nodes),
        "layers": [_described(layer) for layer in topology.layers],
    }
    if not topology.layers:
        return Verdict(
            outcome=Outcome.FAILED,
            reason="no DNS layer found: no pod in kube-system listens on port 53, and this is not GKE",
            remedy="deploy CoreDNS or kube-dns, or see which namespace your DNS pods are in",
            measurements=measurements,
        )
    return Verdict(
        outcome=Outcome.PASSED,
        measurements=measurements,
        evidence=tuple(_line(layer) for layer in topology.layers),
    )


def _described(layer: Layer) -> dict[str, object]:
    return {
        "kind": layer.kind,
        "name": layer.name,
        "version": str(layer.version),
        "addresses": [str(address) for address in layer.addresses],
        "replicas": layer.replicas,
        "ready": layer.ready,
        "nodes": list(layer.nodes),
        "limits": {name: str(limit) for name, limit in layer.limits.items()},
    }


def _line(layer: Layer) -> str:
    addresses = ", ".join(address.value for address in layer.addresses) or "no address"
    limits = "".join(f"; {name}: {limit}" for name, limit in layer.limits.items())
    replicas = f"{layer.ready} of {layer.replicas} ready" if layer.replicas else "no pods"
    return f"{layer.kind} {layer.version.value} ({layer.name}) at {addresses}, {replicas}{limits}"
