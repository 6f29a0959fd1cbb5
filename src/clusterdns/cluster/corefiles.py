"""A pod's volumes and ConfigMaps -> its Corefile, read and understood."""

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from clusterdns.cluster.api import Object
from clusterdns.cluster.objects import items, labels, mapping, part, text
from clusterdns.formats.coredns import Configuration, load
from clusterdns.formats.corefile import UnseenFileError
from clusterdns.formats.words import CorefileError

Version = tuple[int, ...]


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


@dataclass(frozen=True, slots=True)
class ConfigMapKey:
    """Where a file's text stands in a pod's namespace.

    Attributes:
        configmap: The ConfigMap's name.
        key: Of its `data`.
    """

    configmap: str
    key: str

    def __str__(self) -> str:
        return f"ConfigMap {self.configmap}, {self.key}"


@dataclass(slots=True)
class Files:
    """The files that a container sees in its volumes.

    Attributes:
        texts: Path -> text, of those in ConfigMaps.
        origins: Path -> where its text stands.
        unseen: Folders and files whose content the API does not tell -> why.
        missing: What keeps a new pod from starting.
    """

    texts: dict[str, str] = field(default_factory=dict)
    origins: dict[str, ConfigMapKey] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def why_unseen(self, path: str) -> str | None:
        """Return why a file's content is not known; None where it is, or where there is no such file."""
        if path in self.texts:
            return None
        return next((why for place, why in self.unseen.items() if _within(path, place)), None)


def files_of(spec: Object, container: Object, configmaps: Mapping[str, Object]) -> Files:
    """Return the files of a container.

    Args:
        spec: Of the pod.
        container: Of that pod.
        configmaps: Name -> ConfigMap, of the pod's namespace.
    """
    files = Files()
    volumes = {text(volume, "name"): volume for volume in items(spec, "volumes")}
    for mount in items(container, "volumeMounts"):
        volume = volumes.get(text(mount, "name"), {})
        place, file = text(mount, "mountPath"), text(mount, "subPath")
        sources = [mapping(source) for source in items(volume, "projected", "sources")] or [volume]
        for source in sources:
            if "configMap" in source:
                _read_configmap(files, mapping(source, "configMap"), place, file, configmaps)
            else:
                kind = next((name for name in source if name != "name"), "volume")
                files.unseen[posixpath.normpath(place)] = f"it is in a volume of kind {kind}"
    return files


def _read_configmap(
    files: Files, source: Object, place: str, file: str, configmaps: Mapping[str, Object]
) -> None:
    name, optional = text(source, "name"), part(source, "optional") is True
    if name not in configmaps:
        if not optional:
            files.missing.append(f"ConfigMap {name} is missing: no new pod can start")
        return
    data = labels(configmaps[name], "data")
    paths = {text(item, "key"): text(item, "path") for item in items(source, "items")}
    if not optional:
        binary = mapping(configmaps[name], "binaryData")
        files.missing += [
            f"ConfigMap {name} has no {key}: no new pod can start"
            for key in paths
            if key not in data and key not in binary
        ]
    for key, content in data.items():
        shown = paths.get(key) if paths else key
        if shown is None or (file and file != shown):
            continue
        path = posixpath.normpath(place if file else posixpath.join(place, shown))
        files.texts[path], files.origins[path] = content, ConfigMapKey(name, key)


def read_corefile(  # noqa: PLR0913 - what a CoreDNS loads its configuration with
    files: Files,
    path: str,
    *,
    loaded_as: str = "",
    replaced: Mapping[str, str] | None = None,
    variables: Mapping[str, str | None] | None = None,
    version: Version | None = None,
    known: Collection[str] | None = None,
    port: str = "53",
) -> Corefile:
    """Return the Corefile of a container.

    Args:
        files: Of the container.
        path: Of the Corefile among them.
        loaded_as: Where CoreDNS reads it, if not there; relative imports count from this file's folder.
        replaced: Placeholder -> what its program puts in its place before CoreDNS reads it.
        variables: Of the container.
        version: As in `coredns.load`.
        known: As in `coredns.load`.
        port: As in `coredns.load`.
    """
    missing = tuple(files.missing)
    if path not in files.texts:
        why = files.why_unseen(path) or "it is in no ConfigMap that can be read"
        return Corefile(f"{path} is not known: {why}", faults=missing)
    text_, origin = files.texts[path], str(files.origins[path])
    for placeholder, value in (replaced or {}).items():
        text_ = text_.replace(placeholder, value)
    main = loaded_as or path
    texts = {**files.texts, main: text_}
    names = {file: str(place) for file, place in files.origins.items()} | {main: origin}
    try:
        configuration = load(
            texts,
            main,
            variables=variables,
            version=version,
            known=known,
            names=names,
            port=port,
            unseen=tuple(files.unseen),
        )
    except UnseenFileError as error:
        return Corefile(f"{origin} is not known as a whole: {error.problem}", faults=missing)
    except CorefileError as error:
        where = names.get(error.file, error.file)
        fault = f"{where} is refused by CoreDNS: line {error.line}, column {error.column}: {error.problem}"
        return Corefile(f"{origin} is refused by CoreDNS", faults=(*missing, fault))
    return Corefile(origin, configuration, missing)


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place.rstrip('/')}/")
