"""ConfigMaps of cluster-proportional-autoscaler -> what sets the replicas of the cluster's DNS.

It reads JSON with Go's encoding/json: names without regard to case, a number with a point is no int, "2" and
"false" are none of what is asked for. What it refuses, it does without: it goes on with what it read before.
Source: kubernetes-sigs/cluster-proportional-autoscaler, pkg/autoscaler/controller (plugin.go,
linear_controller.go, ladder_controller.go).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from clusterdns.cluster.api import Object
from clusterdns.cluster.objects import mapping, name_of, text
from clusterdns.model.autoscaling import Autoscaler, Ladder, Linear
from clusterdns.model.topology import Fact

_MODES = ("ladder", "linear")


def autoscaler(configmaps: Iterable[Object]) -> Fact[Autoscaler | None] | None:
    """Return the parameters of the DNS autoscaler; None where there is none.

    The value is None where they cannot be read. They are in a ConfigMap with a key `linear` or
    `ladder`, called kube-dns-autoscaler (GKE), dns-autoscaler (kubernetes.io's task) or the like.
    """
    for configmap in configmaps:
        name, data = name_of(configmap), mapping(configmap, "data")
        modes = [mode for mode in _MODES if mode in data]
        if "dns" not in name or not modes:
            continue
        source = f"ConfigMap {name}, {' and '.join(modes)}"
        if len(data) != 1:
            return Fact(None, f"{source} cannot be read: the autoscaler takes one key only, not {len(data)}")
        read = _linear if modes == ["linear"] else _ladder
        try:
            return Fact(read(_object(text(data, modes[0]))), source)
        except (ValueError, TypeError, RecursionError) as error:
            return Fact(None, f"{source} cannot be read: {error}")
    return None


def _object(said: str) -> Mapping[str, Any]:
    """Return the members of a JSON object, names in lower case; none of `null`: Go takes it for nothing."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    found = json.loads(said, parse_constant=refuse)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise TypeError(f"{said[:40]} is no object")
    return {name.lower(): value for name, value in found.items() if value is not None}


def _linear(parameters: Mapping[str, Any]) -> Linear:
    per_core, per_node = (_number(parameters, name) for name in ("coresPerReplica", "nodesPerReplica"))
    least, most = _integer(parameters.get("min", 0), "min"), _integer(parameters.get("max", 0), "max")
    if least < 0:
        raise ValueError(f"min {least} is negative")
    least = least or 1
    if most and most < least:
        raise ValueError(f"max {most} is less than min {least}")
    if not per_core and not per_node:
        raise ValueError("neither coresPerReplica nor nodesPerReplica is there")
    guard = _flag(parameters, "preventSinglePointFailure")
    cordoned = _flag(parameters, "includeUnschedulableNodes")
    return Linear(per_core, per_node, least, most or None, guard, cordoned)


def _ladder(parameters: Mapping[str, Any]) -> Ladder:
    return Ladder(*(_steps(parameters, name) for name in ("coresToReplicas", "nodesToReplicas")))


def _steps(parameters: Mapping[str, Any], name: str) -> tuple[tuple[float, int], ...]:
    """Return pairs; of a longer list Go takes the first two, and for what a shorter one lacks zeros."""
    found = parameters.get(name.lower(), [])
    if not isinstance(found, list) or not all(isinstance(step, list) for step in found):
        raise TypeError(f"{name} is no list of pairs")
    steps = []
    for step in found:
        at, count = ([0 if value is None else _integer(value, name) for value in step] + [0, 0])[:2]
        if at < 1 or count < 1:
            raise ValueError(f"{name} has {step}, where both are to be 1 or more")
        steps.append((float(at), count))
    return tuple(sorted(steps))


def _number(parameters: Mapping[str, Any], name: str) -> float:
    value = parameters.get(name.lower(), 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} {json.dumps(value)} is no number")
    if value < 0:
        raise ValueError(f"{name} {value} is negative")
    return float(value)


def _integer(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise ValueError(f"{name} {json.dumps(value)} is no whole number")
    return value


def _flag(parameters: Mapping[str, Any], name: str) -> bool:
    value = parameters.get(name.lower(), False)
    if not isinstance(value, bool):
        raise TypeError(f"{name} {json.dumps(value)} is neither true nor false")
    return value
