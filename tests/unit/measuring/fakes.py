"""A cluster and probe pods that answer what a test tells them to; typed as what they stand in for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

from clusterdns.errors import AdmissionRefused
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod, Prober

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from clusterdns.errors import HarnessError

Answers = Callable[[ProbePod, Mapping[str, Any]], Sequence[Answer]]


@dataclass
class FakeOperation:
    """An operation whose answers are known beforehand."""

    answering: Sequence[Answer]
    container: str = "probe"
    mounted: bool = True
    early: Callable[[], Sequence[Answer]] = list  # what has come since it was last looked at
    told: list[dict[str, object]] = field(default_factory=list)
    stopped: bool = False
    closed: bool = False

    def ready(self) -> Answer:
        return {"ready": True, "now_ns": 0, "clock_ns": 0}

    def tell(self, **message: object) -> None:
        self.told.append(message)

    def stop(self) -> None:
        self.stopped = True

    def collect(self) -> list[Answer]:
        return list(self.answering)

    def answers(self) -> Iterator[Answer]:
        yield from self.answering

    def so_far(self) -> list[Answer]:
        return list(self.early())

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class FakeProber:
    """Runs operations: operation name -> what answers a request in a pod."""

    operations: dict[str, Answers]
    requests: list[tuple[str, str, Mapping[str, Any]]] = field(
        default_factory=list
    )  # node, operation, request
    started: list[Mapping[str, Any]] = field(default_factory=list)  # manifests
    refuse: Callable[[Mapping[str, Any]], HarnessError | None] = lambda _manifest: None
    opened: list[FakeOperation] = field(default_factory=list)
    early: Callable[[], Sequence[Answer]] = list  # of every operation that is opened
    lost: dict[str, str] = field(default_factory=dict)  # node -> why

    def start(self, manifests: Sequence[Mapping[str, Any]]) -> list[ProbePod | HarnessError]:
        refusals = [self.refuse(manifest) for manifest in manifests]
        for refusal in refusals:
            if isinstance(refusal, AdmissionRefused):
                raise refusal
        self.started += manifests
        return [refusal or _pod(manifest) for refusal, manifest in zip(refusals, manifests, strict=True)]

    def run(
        self,
        pod: ProbePod,
        operation: str,
        request: Mapping[str, Any],
        container: str = "probe",
        *,
        repeatable: bool = False,
    ) -> list[Answer]:
        del container, repeatable
        self.requests.append((pod.node, operation, request))
        return list(self.operations[operation](pod, request))

    def open(
        self, pod: ProbePod, operation: str, request: Mapping[str, Any], container: str = "probe"
    ) -> FakeOperation:
        answers = self.run(pod, operation, request, container)
        self.opened.append(FakeOperation(answers, container, early=self.early))
        return self.opened[-1]

    def open_unmounted(
        self, pod: ProbePod, operation: str, request: Mapping[str, Any], container: str
    ) -> FakeOperation:
        opened = self.open(pod, operation, request, container)
        opened.mounted = False
        return opened

    def as_prober(self) -> Prober:
        """Return it as what it stands in for."""
        return cast("Prober", self)


@dataclass
class FakeCluster:
    """Keeps what it is given: resource -> objects; patches change them."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    created: list[Mapping[str, Any]] = field(default_factory=list)
    deleted: list[Mapping[str, Any]] = field(default_factory=list)
    patched: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    context: str = "c"
    page: Callable[[str, Mapping[str, str]], str] = lambda _path, _query: ""

    def list(
        self,
        resource: str,
        *,
        namespace: str | None = None,
        labels: str | None = None,
        fields: str | None = None,
        **_narrowed: object,
    ) -> Iterator[dict[str, Any]]:
        for found in self.objects.get(resource, []):
            if (
                namespace in (None, found["metadata"].get("namespace", namespace))
                and _selected(found["metadata"].get("labels") or {}, labels)
                and _selected(_flat(found), fields)
            ):
                yield found

    def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        return self.page(path, query or {})

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

    def patch(
        self, resource: str, name: str, patch: Mapping[str, Any], *_where: object, **_more: object
    ) -> None:
        self.patched.append((resource, name, patch))
        for kept in self.objects.get(resource, []):
            if kept["metadata"]["name"] == name:
                _merge(kept, patch)

    def exists(self, manifest: Mapping[str, Any]) -> bool:
        return manifest in self.created and manifest not in self.deleted

    def knows(self, api: str, kind: str) -> bool:
        del api, kind
        return False

    def as_cluster(self) -> Cluster:
        """Return it as what it stands in for."""
        return cast("Cluster", self)


def _selected(labels: Mapping[str, Any], selector: str | None) -> bool:
    """Return whether a selector such as "a=b,c" matches."""
    terms = [term.partition("=") for term in (selector or "").split(",") if term]
    return all(name in labels and (not equals or labels[name] == value) for name, equals, value in terms)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by their paths, such as "status.phase"."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Change an object as a strategic merge does, as far as mappings go."""
    if patch.get("$patch") == "replace":
        target.clear()
    for name, value in patch.items():
        if name == "$patch":
            continue
        if value is None:
            target.pop(name, None)
        elif isinstance(value, Mapping):
            _merge(target.setdefault(name, {}), value)
        else:
            target[name] = value


def _pod(manifest: Mapping[str, Any]) -> ProbePod:
    metadata = manifest["metadata"]
    terms = manifest["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    node = terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    return ProbePod(metadata["namespace"], metadata["name"], node, "10.0.0.1")
