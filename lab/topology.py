"""Topologies: a folder of manifests plus the settings of the nodes they run on."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError
from lab.paths import SOURCE

_FOLDER = SOURCE / "topologies"


@dataclass(frozen=True)
class Topology:
    """What `topology.yaml` says; unknown keys are refused.

    Attributes:
        name: The folder's name.
        description: One line for people.
        nameserver: What the nodes themselves ask, and so pods with dnsPolicy Default.
        search: The nodes' own search list; the kubelet appends it to every pod's.
        cluster_dns: What the kubelet gives to ClusterFirst pods.
        node_labels: Labels of every node, e.g. a provider's.
        manifests: Manifest files in order of application.
        definitions: Files that define resources which manifests are of.
        monitoring: Files of manifests/monitoring that fit its DNS.
    """

    name: str
    description: str
    nameserver: str
    search: tuple[str, ...]
    cluster_dns: str
    manifests: tuple[Path, ...]
    definitions: tuple[Path, ...] = ()
    node_labels: dict[str, str] = field(default_factory=dict)
    monitoring: tuple[str, ...] = ()

    def resolv_conf(self) -> str:
        """Return the nodes' own resolv.conf."""
        search = f"search {' '.join(self.search)}\n" if self.search else ""
        return f"{search}nameserver {self.nameserver}\n"


def names() -> list[str]:
    """Return the names of all topologies."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/topology.yaml"))


def load(name: str) -> Topology:
    """Return the topology called `name`.

    Raises:
        LabError: there is none of that name.
    """
    folder = _FOLDER / name
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise LabError(f"no topology named {name!r}{hint} There are: {', '.join(names())}")
    settings: dict[str, Any] = yaml.safe_load((folder / "topology.yaml").read_text())
    shared = [folder / path for path in settings.pop("shared", ())]
    own = sorted(path for path in folder.glob("*.yaml") if path.name != "topology.yaml")
    return Topology(
        name=name,
        manifests=(*(path.resolve() for path in shared), *own),
        definitions=tuple(sorted(folder.glob("definitions/*.yaml"))),
        search=tuple(settings.pop("search", ())),
        monitoring=tuple(settings.pop("monitoring", ())),
        **settings,
    )
