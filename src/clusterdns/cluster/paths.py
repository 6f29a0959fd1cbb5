"""Paths of the Kubernetes API, and words for what is behind them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def named(path: str, manifest: Mapping[str, Any]) -> str:
    """Return the path of a manifest's object, given that of its collection."""
    return f"{path}/{quote(manifest['metadata']['name'])}"


def path_of(api: str, resource: str | None = None, namespace: str | None = None) -> str:
    """Return the path of an API version, of a resource of it, or of that in a namespace."""
    parts = ["/api" if api == "v1" else "/apis", api]
    parts += ["namespaces", quote(namespace)] if namespace else []
    parts += [resource] if resource else []
    return "/".join(parts)


def words_for(resource: str, namespace: str | None, name: str | None = None) -> str:
    """Return words for a resource or one object of it, for messages."""
    return resource + (f" {name}" if name else "") + (f" in namespace {namespace}" if namespace else "")
