"""What a drawing of a cluster's DNS shows: its parts, and which queries go from one to another.

Nodes and pods are counted, not shown one by one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from clusterdns.model.topology import (
    FORWARD_LIMIT,
    TCP_LIMIT,
    Forward,
    Layer,
    LayerKind,
    Service,
    Topology,
    host,
)
from clusterdns.reporting.layout import Box
from clusterdns.reporting.marks import Place

EITHER = frozenset({"UDP", "TCP"})
"""The transports of pods' queries."""

_CACHES = (LayerKind.NODE_LOCAL, LayerKind.NODE_DNS)
_NAMED = 3  # names on a line
_APART = 4  # sets of servers outside with a box of their own
_PODS = "pods"


@dataclass(frozen=True, slots=True)
class Part:
    """A box, with what tells whether something wrong belongs to it.

    Attributes:
        box: The box.
        place: What it is.
        names: The names and addresses that it, or something in it, is known by.
    """

    box: Box
    place: Place
    names: frozenset[str]


@dataclass(slots=True)
class Flow:
    """The queries from one box to another.

    Attributes:
        zones: The transports by which queries go, and the most at once, or None -> the zones that they are
            about. No transports: those by which the query came.
        notes: What else there is to say.
    """

    zones: dict[tuple[frozenset[str], int | None], list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Plan:
    """The parts of a topology, and the flows between them.

    Attributes:
        parts: By key, those that pods ask first.
        flows: By the keys of their ends.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self.parts: dict[str, Part] = {}
        self.flows: dict[tuple[str, str], Flow] = {}
        self._outside: dict[str, tuple[str, ...]] = {}  # key -> servers
        self._pods()
        for layer in topology.layers:
            self._forwards(layer)
        self._unasked()

    def transports(self, source: str, target: str) -> frozenset[str]:
        """Return by which transports queries go from one part to another."""
        flow = self.flows[source, target]
        return frozenset().union(*(transports or self.asked(source) for transports, _ in flow.zones))

    def asked(self, key: str) -> frozenset[str]:
        """Return by which transports a box is asked."""
        flows = [flow for flow in self.flows if flow[1] == key]
        return frozenset().union(*(self.transports(*flow) for flow in flows)) if flows else EITHER

    def limit(self, target: str) -> str:
        """Return how many TCP connections each replica behind a box serves, in words; "" for any number."""
        behind = [target, *(to for source, to in self.flows if source == target)]
        layers = [layer for layer in self._topology.layers if f"layer {layer.name}" in behind]
        limits = [layer.limits[TCP_LIMIT] for layer in layers if TCP_LIMIT in layer.limits]
        if not limits or self.parts[target].place is Place.CACHES:
            return ""
        least = min(limits, key=lambda limit: limit.value)
        return f"{least.value} per replica{' (assumed)' if least.assumed else ''}"

    def _pods(self) -> None:
        """Add the pods that ask, and whom they ask."""
        topology = self._topology
        zones = {zone for zone in topology.nodes.values() if zone}
        nameservers = [nameserver.value for nameserver in topology.nameservers]
        lines = [f"on {_count(topology.nodes, 'node')}", *([f"in {_count(zones, 'zone')}"] if zones else [])]
        lines += [f"nameserver {listed(nameservers)}"] if nameservers else []
        self._add(_PODS, Place.PODS, "Pods", lines, topology.nodes)
        first = [fact.value for layer in topology.layers[:1] for fact in layer.addresses[:1]]
        for nameserver in nameservers or first:
            self._ask(nameserver)

    def _forwards(self, layer: Layer) -> None:
        """Add a layer, and where it sends what it does not answer itself."""
        source = self._layer(layer)
        limit = layer.limits.get(FORWARD_LIMIT)
        for forward in (*layer.forwards, *self._stub_domains(layer)):
            at_once = limit.value if limit else forward.max_concurrent
            outside: list[str] = []
            for upstream in forward.upstreams:
                target = self._inside(layer, upstream)
                if target is None:
                    outside.append(upstream)
                elif self._leads(target, source):
                    box = self.parts[target].box
                    title = f"back to {box.title}"
                    back = self._add(f"back {target}", Place.OUTSIDE, title, box.lines[:1], ())
                    self._send(source, back, forward, at_once)
                else:
                    self._send(source, target, forward, at_once)
            if outside:
                self._send(source, self._servers(outside), forward, at_once)

    def _unasked(self) -> None:
        """Add the Services that nothing shown asks: as one box where there are several."""
        every = self._topology.services
        services = [service for service in every if f"Service {service.name}" not in self.parts]
        if len(services) == 1:
            self._service(services[0])
        elif services:
            names = [service.name for service in services]
            known = {*names, *(address for service in services for address in service.addresses)}
            title = f"{len(services):,} other Services"
            key = self._add("Services", Place.SERVICES, title, [listed(names)], known)
            for service in services:
                self._endpoints(key, service, told=False)

    def _ask(self, nameserver: str) -> None:
        """Add that pods ask an address: the node cache that has it, a Service, or whatever it is."""
        topology = self._topology
        caches = [layer for layer in topology.of_kind(*_CACHES) if _has(layer, nameserver)]
        uncovered = set(topology.nodes) - {node for layer in caches for node in layer.nodes}
        for cache in caches:
            flow = self._send(_PODS, self._layer(cache))
            if uncovered:
                flow.notes.append(f"not on {_count(uncovered, 'node')}")
        service = topology.behind(nameserver)
        if service is not None and (uncovered or not caches):
            flow = self._send(_PODS, self._service(service))
            if caches:
                flow.notes.append(f"from {_count(uncovered, 'node')}")
        elif not caches:
            layer = next((layer for layer in topology.layers if _has(layer, nameserver)), None)
            self._send(_PODS, self._layer(layer) if layer else self._servers([nameserver]))

    def _inside(self, layer: Layer, upstream: str) -> str | None:
        """Return what of the cluster's DNS has the address of a layer's upstream; None for nothing."""
        service = self._topology.behind(upstream)
        if service is not None:
            return self._service(service)
        others = (other for other in self._topology.layers if other != layer and _has(other, host(upstream)))
        other = next(others, None)
        return self._layer(other) if other else None

    def _stub_domains(self, layer: Layer) -> list[Forward]:
        """Return the forwards of the stub domains that kube-dns reads in a ConfigMap of its own."""
        if layer.kind is not LayerKind.KUBE_DNS:
            return []
        by_servers: dict[tuple[str, ...], list[str]] = {}
        for domain, servers in self._topology.stub_domains.items():
            by_servers.setdefault(tuple(servers), []).append(domain)
        return [Forward(tuple(domains), servers, source="") for servers, domains in by_servers.items()]

    def _add(self, key: str, place: Place, title: str, lines: Iterable[str], names: Iterable[str]) -> str:
        self.parts.setdefault(key, Part(Box(key, title, tuple(lines)), place, frozenset(names)))
        return key

    def _layer(self, layer: Layer) -> str:
        backends = [backend for service in self._topology.services for backend in service.backends]
        own = [backend for backend in backends if backend.layer == layer.name]
        pods = {backend.pod for backend in own} | {backend.address for backend in own}
        addresses = [address.value for address in layer.addresses]
        version = "" if layer.version.value == "unknown" else f" {layer.version.value}"
        cache = layer.kind in _CACHES
        nodes = f"on {len(layer.nodes):,} of {_count(self._topology.nodes, 'node')}"
        lines = [
            layer.name,
            *([f"{layer.ready:,} of {layer.replicas:,} ready, {nodes}"] if layer.replicas else []),
            *([nodes] if cache and not layer.replicas else []),
            *([listed(addresses)] if (cache or not own) and addresses else []),
            *([f"by {layer.redirect}"] if layer.redirect else []),
        ]
        place = Place.CACHES if cache else Place.SERVERS
        names = {layer.name, *addresses, *pods}
        return self._add(f"layer {layer.name}", place, f"{layer.kind}{version}", lines, names)

    def _service(self, service: Service) -> str:
        key = f"Service {service.name}"
        if key not in self.parts:
            caches = self._topology.of_kind(*_CACHES)
            taken = any(_has(cache, address) for cache in caches for address in service.addresses)
            told = [
                service.name,
                listed(service.addresses) or "headless",
                *(["taken over by node caches"] if taken else []),
                *(["internalTrafficPolicy: Local"] if service.traffic_policy == "Local" else []),
                *(["sessionAffinity: ClientIP"] if service.affinity == "ClientIP" else []),
                *([] if service.backends or service.selects else ["no endpoints"]),
            ]
            self._add(key, Place.SERVICES, "Service", told, {service.name, *service.addresses})
            self._endpoints(key, service, told=True)
        return key

    def _endpoints(self, key: str, service: Service, *, told: bool) -> None:
        """Add the flows from a Service to the pods behind it."""
        layers = dict.fromkeys([backend.layer for backend in service.backends] + list(service.selects))
        for name in layers:
            layer = self._topology.layer(name)
            backends = [backend for backend in service.backends if backend.layer == name]
            if layer is not None:
                target = self._layer(layer)
            else:
                pods = [backend.pod for backend in backends]
                title = "Pods that are no known DNS"
                target = self._add(f"behind {key}", Place.SERVERS, title, [listed(pods)], pods)
            flow = self._send(key, target)
            if told:
                ready = sum(backend.ready for backend in backends)
                flow.notes.append(f"{ready:,} of {_count(backends, 'endpoint')} ready")

    def _servers(self, servers: Sequence[str]) -> str:
        """Return the box of servers outside; where there are many sets of them, the last one has the rest."""
        key = f"outside {' '.join(servers)}"
        if key not in self.parts and len(self._outside) >= _APART:
            key = "outside others"
        known = self._outside.setdefault(key, ())
        self._outside[key] = known + tuple(server for server in servers if server not in known)
        everything = self._outside[key]
        files = {server for server in everything if server.startswith("/")}
        provider = self._topology.provider
        lines = [f"{provider.name}: {provider.upstream}"] if files and provider.upstream else []
        title = listed([f"{server} of the node" if server in files else server for server in everything])
        names = {*everything, *map(host, everything)}
        if key in self.parts:
            names |= self.parts[key].names
        self.parts[key] = Part(Box(key, title, lines), Place.OUTSIDE, frozenset(names))
        return key

    def _send(
        self, source: str, target: str, forward: Forward | None = None, at_once: int | None = None
    ) -> Flow:
        """Add that queries go from one box to another; those that no forward tells go as they were asked."""
        flow = self.flows.setdefault((source, target), Flow())
        transports: frozenset[str] = frozenset()
        if forward is None:
            flow.zones.setdefault((transports, None), [])
            return flow
        if forward.force_tcp or forward.prefer_udp:
            transports = frozenset({"TCP" if forward.force_tcp else "UDP"})
        if any(upstream.startswith("tls://") for upstream in forward.upstreams):
            transports = frozenset({"TLS"})
        zones = flow.zones.setdefault((transports, at_once), [])
        zones += [zone for zone in forward.zones if zone not in zones]
        part = self.parts[target]
        if part.place is Place.OUTSIDE:
            self.parts[target] = replace(part, names=part.names | set(forward.zones) - {"."})
        return flow

    def _leads(self, start: str, goal: str) -> bool:
        """Return whether queries from one box come to another, or the boxes are the same."""
        return start == goal or any(
            self._leads(target, goal) for source, target in self.flows if source == start
        )


def listed(names: Iterable[str]) -> str:
    """Return the first of some names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _NAMED:,} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def _has(layer: Layer, address: str) -> bool:
    return any(fact.value == address for fact in layer.addresses)


def _count(things: Iterable[object], what: str) -> str:
    number = len(list(things))
    return f"{number:,} {what}{'' if number == 1 else 's'}"
