"""A pod's volumes and ConfigMaps -> its Corefile, read and understood."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clusterdns.cluster.api import Object
from clusterdns.formats.coredns import Configuration, understand
from clusterdns.formats.corefile import CorefileError, parse


@dataclass(frozen=True, slots=True)
class Corefile:
    """A pod's Corefile.

    Attributes:
        source: Where it was read, or why it was not.
        configuration: What it means; None where that is not known.
        faults: What keeps CoreDNS from loading it when it starts.
    """

    source: str
    configuration: Configuration | None = None
    faults: tuple[str, ...] = ()


def read_corefile(  # noqa: PLR0913 - what a pod's configuration is made of
    spec: Object,
    container: Object,
    path: str,
    configmaps: Mapping[str, Object],
    *,
    substitutes: Mapping[str, tuple[str, ...]] | None = None,
    copied_to: str | None = None,
) -> Corefile:
    """Return the Corefile of a container.

    Args:
        spec: Of the pod.
        container: Of that pod.
        path: Of the Corefile in the container.
        configmaps: Name -> ConfigMap, of the pod's namespace.
        substitutes: As in `understand`.
        copied_to: Where CoreDNS reads it, if not there; relative imports count from this file's folder.
    """
    files: dict[str, str] = {}
    origin: dict[str, str] = {}
    missing: list[str] = []
    for mount, name, paths, optional in _mounts(spec, container):
        data = (configmaps.get(name) or {}).get("data") or {}
        if name not in configmaps and not optional:
            missing.append(f"ConfigMap {name} is missing: no new pod can start")
        for key, text in data.items():
            if paths is None or key in paths:
                file = posixpath.normpath(posixpath.join(mount, (paths or {}).get(key, key)))
                files[file], origin[file] = text, f"ConfigMap {name}, {key}"
    if path not in files:
        return Corefile(f"{path} is in no ConfigMap that can be read", faults=tuple(missing))
    if copied_to:
        files[copied_to], origin[copied_to] = files[path], origin[path]
        path = copied_to
    variables = {one["name"]: str(one["value"]) for one in container.get("env", ()) if "value" in one}
    try:
        return Corefile(
            origin[path], understand(parse(files, path, variables), substitutes, origin), tuple(missing)
        )
    except CorefileError as error:
        where = origin.get(error.file, error.file)
        fault = f"{where} is no Corefile: line {error.line}, column {error.column}: {error.problem}"
        return Corefile(f"{origin[path]} cannot be parsed", faults=(*missing, fault))


def _mounts(spec: Object, container: Object) -> Iterator[tuple[str, str, dict[str, str] | None, bool]]:
    """Yield each ConfigMap of a container: mount, name, key -> path (None: every key), whether optional."""
    volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        volume = volumes.get(mount["name"], {})
        sources = [source.get("configMap") for source in volume.get("projected", {}).get("sources", ())]
        for source in (volume.get("configMap"), *sources):
            if source and "name" in source:
                items = source.get("items")
                paths = {item["key"]: item["path"] for item in items} if items else None
                if one := mount.get("subPath"):  # the mount is that file
                    paths = {key: "" for key, file in (paths or {one: one}).items() if file == one}
                yield mount["mountPath"], source["name"], paths, bool(source.get("optional"))
