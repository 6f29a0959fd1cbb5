"""`--what-if`: the changes that an audit supposes, and the topology after them."""

import argparse
from collections.abc import Iterator, Mapping, Sequence

from clusterdns.cluster.platforms import gke_release, gke_upgrades
from clusterdns.errors import UsageError
from clusterdns.model.topology import LayerKind, Topology
from clusterdns.model.what_if import Change, of_size, on_coredns, with_node_caches, without_node_caches

_CHANGES: Mapping[str, Change] = {
    "nodelocal=on": with_node_caches,
    "nodelocal=off": without_node_caches,
    "kube-dns=coredns": on_coredns,
}
_FORMS = f"{', '.join(_CHANGES)}, nodes=NUMBER or gke=VERSION, such as gke=1.36.0-gke.0"
_MOST_NODES = 65_000
"""The most that a platform documents: GKE's. Source: cloud.google.com/kubernetes-engine/quotas."""


def add_what_if(parser: argparse.ArgumentParser) -> None:
    """Offer the flag."""
    parser.add_argument(
        "--what-if",
        action="append",
        default=[],
        type=_form,
        metavar="CHANGE",
        help=f"judge the topology as a change would leave it, in the order given: {_FORMS}",
    )


def supposed(topology: Topology, changes: Sequence[str], version: str) -> tuple[Topology, list[str]]:
    """Return a topology after changes, and what each of them is taken to be, in a line.

    Args:
        topology: As it is.
        changes: As given to `--what-if`, in their order.
        version: That the API server runs.

    Raises:
        UsageError: a change cannot be made to this cluster.
    """
    assumptions: list[str] = []
    for wanted in changes:
        try:
            for change, because in _steps(wanted, topology, version):
                after = change(topology)
                topology = after.topology
                assumptions.append(f"what if {wanted}{because}: {after.assumption}")
        except ValueError as error:
            raise UsageError(f"--what-if {wanted}: {error}") from None
        if wanted.startswith("gke=") and not any(
            line.startswith(f"what if {wanted}") for line in assumptions
        ):
            assumptions.append(f"what if {wanted}: no change of DNS on the way from {version} is documented")
    return topology, assumptions


def _form(text: str) -> str:
    """Return a change as it was given, where it has one of the forms."""
    what, _, value = text.partition("=")
    sized = what == "nodes" and value.isascii() and value.isdecimal() and len(value) <= len(str(_MOST_NODES))
    if text in _CHANGES or (sized and 1 <= int(value) <= _MOST_NODES):
        return text
    if what == "gke" and gke_release(value):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is none of {_FORMS} (at most {_MOST_NODES} nodes)")


def _steps(wanted: str, topology: Topology, version: str) -> Iterator[tuple[Change, str]]:
    """Yield the changes that one `--what-if` stands for, and what calls for each."""
    what, _, value = wanted.partition("=")
    if what == "nodes":
        yield of_size(int(value)), ""
    elif what == "gke":
        yield from _of_gke(value, topology, version)
    else:
        yield _CHANGES[wanted], ""


def _of_gke(value: str, topology: Topology, version: str) -> Iterator[tuple[Change, str]]:
    """Yield what the documentation of GKE says that an upgrade changes.

    It says that of new clusters; that an upgraded one changes alike is the unsafe side, and so assumed.
    """
    before, after = gke_release(version), gke_release(value)
    if topology.provider.name != "GKE" or before is None or after is None:
        raise ValueError(f"the cluster is not known to be GKE (it runs {version})")
    if after < before:
        raise ValueError(f"the cluster runs {version} already, and is not downgraded")
    if topology.of_kind(LayerKind.CLOUD_DNS):
        return  # node caches ask the metadata server there, by UDP: no upgrade changes the way
    for upgrade in gke_upgrades(before, after):
        if upgrade.what_if:
            documented = f" (documented: {upgrade.change}; assumed to reach clusters that are upgraded)"
            yield _CHANGES[upgrade.what_if], documented
