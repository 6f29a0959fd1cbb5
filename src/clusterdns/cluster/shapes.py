"""What JSON of an API server has to look like before anything is read of it."""

from typing import Any


def is_object(value: Any) -> bool:  # noqa: ANN401 - whatever a server sent
    """Return whether a JSON value has the shape that every object of Kubernetes has, as far as it is read.

    Source: k8s.io/apimachinery pkg/apis/meta/v1, ObjectMeta.
    """
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return False
    metadata = value["metadata"]
    if not isinstance(metadata.get("name", ""), str):
        return False
    mappings = (metadata.get("labels"), metadata.get("annotations"))
    parts = (value.get("spec"), value.get("status"), value.get("data"))
    return all(part is None or isinstance(part, dict) for part in (*mappings, *parts))


def is_resource(value: Any) -> bool:  # noqa: ANN401 - whatever a server sent
    """Return whether a JSON value tells of a kind of objects (APIResource)."""
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(key), str) for key in ("name", "kind"))
        and isinstance(value.get("namespaced"), bool)
    )
