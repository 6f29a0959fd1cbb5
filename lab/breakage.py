"""Breakages: ways to break a lab or a kind cluster, with the checks that each makes fail, and its mending."""

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from lab import addons, topology
from lab.errors import LabError
from lab.monitoring import Prometheus
from lab.patches import Patch, named, original, roll_out
from lab.paths import SOURCE
from lab.place import Place

_FOLDER = SOURCE / "breakages"
_NODE = '"node-'  # how a lab's nodes begin


@dataclass(frozen=True)
class Breakage:
    """What `breakage.yaml` says, and the manifests beside it.

    Attributes:
        name: The folder's name.
        description: One line for people.
        topology: The lab's topology that it is made for.
        profile: In which it does.
        checks: Ids or areas to run to see it; none are all of the profile.
        options: Of the suite, to see it for certain.
        fails: Every check id that it makes fail there, and no other.
        names: Every cause that it makes the suite name, and no other.
        warns: Check ids that it makes warn, others may besides.
        skips: Every check id that it makes skip a case, besides those that the topology does.
        nodes: Where the scripts run.
        scripts: "break" and "mend" -> shell script.
        spoil: Faults of `lab.faults` in the answers of the DNS pods of these nodes.
        restart: Programs to restart on the nodes after a script, e.g. kubelet.
        manifests: Applied to break, deleted to mend.
        patches: Made to break; to mend, the topology's own objects are put there again.
        rollout: Workloads of kube-system to restart after a change of what they read when they start.
        addons: What the lab must run besides the topology.
        remove: Objects of kube-system taken away to break; to mend, they are put there again.
        settled: A PromQL expression: the lab's Prometheus sees the change when it gives something.
    """

    name: str
    description: str
    topology: str
    profile: str
    checks: tuple[str, ...]
    fails: frozenset[str]
    nodes: tuple[str, ...]
    scripts: dict[str, str]
    spoil: tuple[str, ...]
    restart: tuple[str, ...]
    manifests: tuple[Path, ...]
    patches: tuple[Patch, ...]
    rollout: tuple[str, ...]
    addons: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    settled: str = ""
    options: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    warns: frozenset[str] = frozenset()
    skips: frozenset[str] = frozenset()

    @property
    def lab(self) -> str:
        """The lab that it needs, as "topology" or "topology+add-on"."""
        return "+".join((self.topology, *self.addons))

    @property
    def for_any_cluster(self) -> bool:
        """Whether it needs nothing of the lab's own: its proxies, daemons, add-ons, or nodes by name."""
        names_nodes = any(_NODE in json.dumps(patch.change) for patch in self.patches)
        return not (self.addons or self.spoil or self.restart or names_nodes)

    def apply(self, place: Place) -> None:
        """Break a cluster.

        Raises:
            LabError: it has another topology, or does not let itself be broken.
        """
        if place.topology != self.topology:
            raise LabError(f"breakage {self.name} needs topology {self.topology}, not {place.topology}")
        if not set(self.addons) <= set(place.addons):
            raise LabError(f"breakage {self.name} needs a lab made --with {','.join(self.addons)}")
        for name in self.remove:
            place.kubectl("delete", "--ignore-not-found", "--namespace=kube-system", name)
        if self.manifests:
            place.kubectl.apply(self.manifests)
        self._run("break", place)
        for node in self.nodes if self.spoil else ():
            place.spoil(node, "start", *self.spoil)
        for patch in self.patches:
            patch.apply(place.kubectl)
        changed = (*named(self.manifests), *(patch.object for patch in self.patches))
        roll_out(place.kubectl, self.rollout, changed)
        if self.settled:
            prometheus = Prometheus(self.addons[0], place.kubectl)
            prometheus.wait(self.settled, lambda server: bool(server.query(self.settled)))

    def mend(self, place: Place) -> None:
        """Undo it; mending what is not broken changes nothing."""
        for node in self.nodes if self.spoil else ():
            place.spoil(node, "stop")
        for manifest in self.manifests:  # first, pods and all: the scheduler heeds them where others go
            place.kubectl.delete(manifest)
        whole = topology.load(self.topology)
        manifests = [*whole.manifests, *addons.manifests(place.addons, whole)]
        for name in self.remove:
            again = json.dumps(original(name, manifests))
            place.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=again)
        for patch in reversed(self.patches):
            patch.undo(place.kubectl, manifests)
        roll_out(place.kubectl, self.rollout, [patch.object for patch in self.patches])
        self._run("mend", place)
        if self.settled:
            Prometheus(self.addons[0], place.kubectl).wait("its targets", Prometheus.sees_all)

    def _run(self, which: str, place: Place) -> None:
        for node in self.nodes if which in self.scripts else ():
            place.shell(node, self.scripts[which])
            for program in self.restart:
                place.restart(node, program)


def names() -> list[str]:
    """Return the names of all breakages."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/breakage.yaml"))


def load(name: str) -> Breakage:
    """Return the breakage called `name`.

    Raises:
        LabError: there is none of that name.
    """
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise LabError(f"no breakage named {name!r}{hint} There are: {', '.join(names())}")
    folder = _FOLDER / name
    said: dict[str, Any] = yaml.safe_load((folder / "breakage.yaml").read_text())
    return Breakage(
        name=name,
        description=said["description"],
        topology=said["topology"],
        profile=said.get("profile", "core"),
        checks=tuple(said.get("checks", ())),
        fails=frozenset(said["fails"]),
        nodes=tuple(said.get("nodes", ())),
        scripts={which: said[which] for which in ("break", "mend") if which in said},
        spoil=tuple(said.get("spoil", ())),
        restart=tuple(said.get("restart", ())),
        patches=tuple(Patch(patch["object"], patch["change"]) for patch in said.get("patches", ())),
        rollout=tuple(said.get("rollout", ())),
        addons=tuple(said.get("with", ())),
        remove=tuple(said.get("remove", ())),
        settled=said.get("settled", ""),
        options=tuple(said.get("options", ())),
        names=frozenset(said.get("names", ())),
        warns=frozenset(said.get("warns", ())),
        skips=frozenset(said.get("skips", ())),
        manifests=tuple(sorted(path for path in folder.glob("*.yaml") if path.name != "breakage.yaml")),
    )
