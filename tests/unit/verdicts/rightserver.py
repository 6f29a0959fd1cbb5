"""The query matrix of a server that answers right, or with faults: no cluster, all the rest is real."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path as File

import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from clusterdns.cluster.templates import fill_in, network
from clusterdns.model.dns_profiles import PROFILES, DNSProfile
from clusterdns.model.exchange import Exchange, Message, Path
from clusterdns.model.query_matrix import QueryMatrix
from clusterdns.model.questions import Question, RecordContext, questions_of
from clusterdns.model.records import Generated, Zone, read_services
from clusterdns.model.topology import LayerKind
from clusterdns.probing.wire import question, read
from lab.faults import Fault, spoil

MANIFEST = File(__file__).parents[3] / "manifests" / "records" / "services.yaml"
COREDNS = PROFILES[LayerKind.COREDNS]
SOA = "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"
EXTERNAL = "www.example.com"
KUBERNETES = {
    "metadata": {"name": "kubernetes", "namespace": "default"},
    "spec": {"clusterIPs": ["10.96.0.1"], "ports": [{"name": "https", "port": 443}]},
}
PATHS = [
    Path("node-1", f"pod {pod}", f"10.244.{pod}.2", transport, size, pod=True)
    for pod in (1, 2)
    for transport, size in (("udp", None), ("tcp", None))
]


def context(profile: DNSProfile = COREDNS) -> RecordContext:
    values = {
        **network("0badcafe"),
        "namespace": "clusterdns-x",
        "zone": "cluster.local",
        "external": EXTERNAL,
    }
    values["network"] = "198.18.0"
    objects = list(fill_in(MANIFEST, values))
    for number, manifest in enumerate(objects):
        manifest["metadata"]["namespace"] = values["namespace"]
        if manifest["kind"] == "Service":
            if manifest["metadata"]["name"] == "changed":
                manifest["spec"] = {"ports": [{"name": "http", "port": 80}]}
            if "clusterIP" not in manifest["spec"] and "type" not in manifest["spec"]:
                manifest["spec"]["clusterIPs"] = [f"10.97.0.{number}", f"fd00::{number}"]
    known = frozenset({(f"{EXTERNAL}.", "A", "192.0.2.80")})
    nowhere = f"clusterdns-no-such-name.{EXTERNAL}"
    return RecordContext(
        zone=Zone("cluster.local"),
        profile=profile,
        services=read_services(
            [
                *sorted(
                    (manifest for manifest in objects if manifest["kind"] == "Service"),
                    key=lambda service: str(service["metadata"]),
                ),
                KUBERNETES,
            ],
            [manifest for manifest in objects if manifest["kind"] == "EndpointSlice"],
        ),
        namespace=values["namespace"],
        outside={EXTERNAL: {"A": known, "AAAA": None}, nowhere: {"A": frozenset(), "AAAA": frozenset()}},
        unused="10.96.255.1",
        pod="10.244.1.9",
    )


def answer(asked: Question, query: bytes, path: Path) -> bytes:
    """Answer as the question calls for."""
    request = dns.message.from_wire(query)
    response = dns.message.make_response(request, our_payload=1232 if request.edns >= 0 else 0)
    response.flags |= dns.flags.AA
    response.set_rcode(dns.rcode.from_text(min(asked.rcodes, key=len)))
    for owner, rtype, data in sorted(asked.records, key=str):
        text = _presented(data)
        response.answer.append(
            dns.rrset.from_text(owner, 30, "IN", rtype, f"0 100 {text}" if rtype == "SRV" else text)
        )
    if not response.answer:
        response.authority.append(dns.rrset.from_text(asked.soa or ".", 30, "IN", "SOA", SOA))
    wire: bytes = response.to_wire(max_size=65535)
    if len(wire) > path.limit:
        response.flags |= dns.flags.TC
        response.answer.clear()
        wire = response.to_wire()
    return wire


def matrix(*faults: Fault, on: str | None = None, profile: DNSProfile = COREDNS) -> QueryMatrix:
    """Ask everything along every path; answers of the server `on`, or of all, have the faults."""
    questions = questions_of(context(profile))
    made_up = {
        _name(data): data.address
        for asked_for in questions
        for _, _, data in asked_for.records
        if isinstance(data, Generated)
    }
    asked = [
        (asked_for, exchange(asked_for, path, faults if on in (None, path.server) else ()))
        for asked_for in questions
        for path in PATHS
    ]
    generated = {name: frozenset({address}) for name, address in made_up.items()}
    return QueryMatrix(tuple(asked), profile, generated)


def exchange(asked: Question, path: Path, faults: Sequence[Fault] = ()) -> Exchange:
    query, wire = right(asked, path)
    return Exchange(path, query, understood(spoil(wire, faults) if faults else wire))


@cache
def right(asked: Question, path: Path) -> tuple[bytes, bytes]:
    """Return a query and its right answer."""
    query = question(asked.name, asked.rtype, edns=path.edns, ident=1)
    return query, answer(asked, query, path)


@cache
def understood(wire: bytes) -> Message:
    """Return an answer as the suite reads it, a like one once."""
    return read(wire)


def _presented(data: str | Generated) -> str:
    if isinstance(data, str):
        return data
    return _name(data) if data.port is None else f"{data.port} {_name(data)}"


def _name(data: Generated) -> str:
    return f"{data.address.replace('.', '-').replace(':', '-')}.{data.service}"
