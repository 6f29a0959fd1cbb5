"""What happens to a cluster's DNS and nodes, told in words from objects as they were and as they are.

An object is kept as the few facts that matter here: a cluster of any size is watched in little memory.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from clusterdns.cluster.api import Object
from clusterdns.cluster.inventory import serves_dns
from clusterdns.cluster.objects import items, labels, mapping, name_of, number, part, text, texts
from clusterdns.cluster.readiness import is_ready

Facts = Mapping[str, str]
"""Of one object: what matters of it, in a word or two each."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind of objects whose changes are told.

    Attributes:
        resource: For example "nodes".
        api: Its API version.
        noun: What an object of it is called.
        facts: Reads what matters of an object; None where it does not matter at all.
        everywhere: Whether it is watched in the whole cluster, and not in DNS' namespaces alone.
    """

    resource: str
    api: str
    noun: str
    facts: Callable[[Object], Facts | None]
    everywhere: bool = False


def changes(kind: Watched, name: str, before: Facts | None, after: Facts | None) -> Iterator[str]:
    """Yield what happened to an object, a sentence each.

    Args:
        kind: Of objects.
        name: Of the object.
        before: As it was; None where it was not there.
        after: As it is; None where it is gone.
    """
    what = f"{kind.noun} {name}"
    if after is None:
        yield f"{what} is gone"
    elif before is None:
        yield f"{what} is new"
        before = dict.fromkeys(after, "")
    for fact, value in (after or {}).items():
        was = (before or {}).get(fact, "")
        if was != value and (words := _words(fact, was, value)):
            yield f"{what} {words}"


def key_of(thing: Object) -> str:
    """Return an object's name, with its namespace where it has one."""
    namespace = text(thing, "metadata", "namespace")
    return f"{namespace}/{name_of(thing)}" if namespace else name_of(thing)


_WORDS = {
    ("ready", "yes"): "is ready",
    ("ready", "no"): "is not ready any more",
    ("cordoned", "yes"): "was cordoned",
    ("cordoned", "no"): "was uncordoned",
    ("ending", "yes"): "is ending",
}
_CONTENTS = "contents"  # a digest, which tells nothing but that they changed
_GENERATION = "generation"
_ENDPOINTS = "ready endpoints"


def _words(fact: str, before: str, after: str) -> str:
    """Return how a fact changed; "" where that says nothing: what an object begins with is not news."""
    if not before and (after in ("no", "0") or fact == _GENERATION):
        return ""
    if fact == _CONTENTS:
        return "changed" if before else ""
    if fact.startswith(_ENDPOINTS):
        was, is_ = set(before.split()), set(after.split())
        gone, come = (" and ".join(sorted(some)) for some in (was - is_, is_ - was))
        told = [f"{come} came" if come else "", f"{gone} went" if gone else ""]
        return f"has other {fact}: {', '.join(filter(None, told))}"
    if fact == "node":
        return f"was placed on {after}"
    return _WORDS.get((fact, after)) or (
        f"has {fact} {before} -> {after}" if before else f"has {fact} {after}"
    )


def _node(node: Object) -> Facts:
    return {
        "ready": _yes(is_ready(node)),
        "cordoned": _yes(part(node, "spec", "unschedulable") is True),
        "kubelet": text(node, "status", "nodeInfo", "kubeletVersion"),
    }


def _pod(pod: Object) -> Facts | None:
    if not serves_dns(pod):
        return None
    restarts = sum(
        number(status, "restartCount") or 0 for status in items(pod, "status", "containerStatuses")
    )
    return {
        "node": text(pod, "spec", "nodeName"),
        "ready": _yes(is_ready(pod)),
        "ending": _yes(bool(part(pod, "metadata", "deletionTimestamp"))),
        "restarts": str(restarts),
    }


def _slice(endpoints: Object) -> Facts | None:
    service = labels(endpoints, "metadata", "labels").get("kubernetes.io/service-name", "")
    if not any(
        number(port, "port") is not None and text(port, "name").startswith("dns")
        for port in items(endpoints, "ports")
    ):
        return None
    ready = sorted(
        address
        for endpoint in items(endpoints, "endpoints")
        if part(endpoint, "conditions", "ready") is not False
        for address in texts(endpoint, "addresses")
    )
    return {f"{_ENDPOINTS} of Service {service}": " ".join(ready)}


def _configmap(configmap: Object) -> Facts | None:
    if "dns" not in name_of(configmap):
        return None
    contents = json.dumps(mapping(configmap, "data"), sort_keys=True).encode()
    return {_CONTENTS: hashlib.sha256(contents).hexdigest()[:8]}


def _workload(workload: Object) -> Facts | None:
    template = mapping(workload, "spec", "template")
    if not serves_dns(template):
        return None
    images = [text(container, "image") for container in items(template, "spec", "containers")]
    return {
        _GENERATION: str(number(workload, "metadata", "generation") or 0),
        "images": ", ".join(images),
    }


def _yes(fact: bool) -> str:  # noqa: FBT001 - what it turns into words
    return "yes" if fact else "no"


WATCHED = (
    Watched("nodes", "v1", "node", _node, everywhere=True),
    Watched("pods", "v1", "pod", _pod),
    Watched("configmaps", "v1", "ConfigMap", _configmap),
    Watched("endpointslices", "discovery.k8s.io/v1", "EndpointSlice", _slice),
    Watched("deployments", "apps/v1", "Deployment", _workload),
    Watched("daemonsets", "apps/v1", "DaemonSet", _workload),
)
"""What is watched: where DNS queries come from, and what answers them."""
