"""A cluster and probe pods that answer what a test tells them to; typed as what they stand in for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from clusterdns.cluster.api import Cluster
from clusterdns.errors import HarnessError
from clusterdns.probing.pods import Answer, ProbePod, Prober

Answers = Callable[[ProbePod, Mapping[str, Any]], Sequence[Answer]]


@dataclass
class FakeOperation:
    """An operation whose answers are known beforehand."""

    answering: Sequence[Answer]
    told: list[dict[str, object]] = field(default_factory=list)
    stopped: bool = False

    def ready(self) -> Answer:
        return {"ready": True, "now_ns": 0}

    def tell(self, **message: object) -> None:
        self.told.append(message)

    def stop(self) -> None:
        self.stopped = True

    def collect(self) -> list[Answer]:
        return list(self.answering)

    def answers(self) -> Iterator[Answer]:
        yield from self.answering

    def so_far(self) -> list[Answer]:
        return []

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class FakeProber:
    """Runs operations: operation name -> what answers a request in a pod."""

    operations: dict[str, Answers]
    requests: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)  # node, operation, request
    started: list[Mapping[str, Any]] = field(default_factory=list)  # manifests
    refuse: Callable[[Mapping[str, Any]], HarnessError | None] = lambda _manifest: None

    def start(self, manifests: Sequence[Mapping[str, Any]]) -> list[ProbePod]:
        for manifest in manifests:
            if refused := self.refuse(manifest):
                raise refused
        self.started += manifests
        return [_pod(manifest) for manifest in manifests]

    def run(
        self, pod: ProbePod, operation: str, request: Mapping[str, Any], container: str = "probe"
    ) -> list[Answer]:
        del container
        self.requests.append((pod.node, operation, request))
        return list(self.operations[operation](pod, request))

    def open(
        self, pod: ProbePod, operation: str, request: Mapping[str, Any], container: str = "probe"
    ) -> FakeOperation:
        return FakeOperation(self.run(pod, operation, request, container))

    open_unmounted = open

    def as_prober(self) -> Prober:
        """Return it as what it stands in for."""
        return cast("Prober", self)


@dataclass
class FakeCluster:
    """Keeps what it is given: resource -> objects."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    created: list[Mapping[str, Any]] = field(default_factory=list)
    deleted: list[Mapping[str, Any]] = field(default_factory=list)
    patched: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    context: str = "c"

    def list(
        self, resource: str, *, namespace: str | None = None, **_narrowed: object
    ) -> Iterator[dict[str, Any]]:
        for found in self.objects.get(resource, []):
            if namespace in (None, found["metadata"].get("namespace", namespace)):
                yield found

    def find(self, resource: str, name: str, *, namespace: str | None = None) -> dict[str, Any] | None:
        named = (found for found in self.list(resource, namespace=namespace))
        return next((found for found in named if found["metadata"]["name"] == name), None)

    def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        self.created.append(manifest)
        return dict(manifest)

    def delete(self, manifest: Mapping[str, Any], *, owned_first: bool = False) -> None:
        del owned_first
        self.deleted.append(manifest)

    def delete_all(self, resource: str, namespace: str) -> None:
        self.deleted.append({"kind": resource, "metadata": {"name": namespace}})

    def patch(self, resource: str, name: str, patch: Mapping[str, Any], *_where: object, **_more: object) -> None:
        self.patched.append((resource, name, patch))

    def exists(self, manifest: Mapping[str, Any]) -> bool:
        return manifest in self.created and manifest not in self.deleted

    def knows(self, api: str, kind: str) -> bool:
        del api, kind
        return False

    def as_cluster(self) -> Cluster:
        """Return it as what it stands in for."""
        return cast("Cluster", self)


def _pod(manifest: Mapping[str, Any]) -> ProbePod:
    metadata = manifest["metadata"]
    terms = manifest["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    node = terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    return ProbePod(metadata["namespace"], metadata["name"], node, "10.0.0.1")
