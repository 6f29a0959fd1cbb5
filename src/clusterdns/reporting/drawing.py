"""A cluster's DNS as it was found: what its pods ask, how, what is behind that, and what of it fails."""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import TypeAdapter

from clusterdns.model.topology import Topology
from clusterdns.reporting.diagram import diagram
from clusterdns.reporting.dns_plan import EITHER, Plan, listed
from clusterdns.reporting.layout import Arrow
from clusterdns.reporting.marks import Mark, Place, marks
from clusterdns.reporting.schema import Report

_TOPOLOGY = TypeAdapter(Topology)
_TITLE = "The cluster's DNS as it was found"
_FAULTS = 3  # told at one place

_At = str | tuple[str, str]  # the key of a part, or of a flow


def drawing(report: Report) -> str:
    """Draw the topology of a report and what fails of it, as an `<svg>` element; "" where there is none.

    Raises:
        ValidationError: the measurements of topology.identify are no `Topology`, as in a report of another
            version.
    """
    for check in report.checks:
        if check.id == "topology.identify" and check.measurements:
            return draw(_TOPOLOGY.validate_python(check.measurements), marks(report))
    return ""


def draw(topology: Topology, complaints: Iterable[Mark] = ()) -> str:
    """Draw a topology and what fails of it, as an `<svg>` element."""
    plan = Plan(topology)
    faults: dict[_At, list[str]] = {}
    for complaint in complaints:
        for at in _concerned(plan, complaint):
            faults.setdefault(at, []).append(complaint.name)
    boxes = [replace(part.box, faults=_faults(faults.get(key, ()))) for key, part in plan.parts.items()]
    arrows = [
        Arrow(*ends, lines=_told(plan, *ends), faults=_faults(faults.get(ends, ()))) for ends in plan.flows
    ]
    return diagram(_TITLE, boxes, arrows)


def _concerned(plan: Plan, complaint: Mark) -> list[_At]:
    """Return the parts and flows that something wrong is about: those it mentions, or all of their kind."""
    names: dict[_At, frozenset[str]] = {}
    for key, part in plan.parts.items():
        if part.place is complaint.place:
            names[key] = part.names
    for ends in plan.flows:
        source, target = (plan.parts[key] for key in ends)
        transports = plan.transports(*ends)
        by_tcp = complaint.place is Place.TCP_INTO_DNSMASQ and plan.limit(ends[1]) and "TCP" in transports
        into = complaint.place is Place.INTO_SERVERS and target.place is Place.SERVERS
        if by_tcp or (into and transports & (complaint.mentioned & EITHER or EITHER)):
            names[ends] = source.names | target.names
    return [at for at, known in names.items() if known & complaint.mentioned] or list(names)


def _told(plan: Plan, source: str, target: str) -> list[str]:
    """Return what is written on an arrow: transports with their limits, the zones, the notes."""
    flow, limit = plan.flows[source, target], plan.limit(target)
    lines = []
    for (transports, at_once), zones in flow.zones.items():
        ways = transports or plan.asked(source)
        way = " or ".join(sorted(ways, reverse=True))
        if limit and "TCP" in ways:
            way += f", {limit}" if len(ways) == 1 else f" (TCP: {limit})"
        lines.append(way + (f", {at_once:,} at once" if at_once else ""))
        if zones:
            lines.append(f"for {listed(['other names' if zone == '.' else zone for zone in zones])}")
    return lines + flow.notes


def _faults(names: Iterable[str]) -> list[str]:
    faults = list(dict.fromkeys(names))
    more = [f"and {len(faults) - _FAULTS} more"] if len(faults) > _FAULTS else []
    return faults[:_FAULTS] + more
