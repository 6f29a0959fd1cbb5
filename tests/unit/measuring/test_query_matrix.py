"""The query matrix of a server that answers right, and its own judges: only the wire between is a fake."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import dns.message
import dns.rcode
import dns.rrset

from clusterdns.measuring.asked_servers import ServerAddress
from clusterdns.measuring.query_matrix import ask_query_matrix, known_outside
from clusterdns.measuring.querying import Querier
from clusterdns.measuring.record_objects import RecordObjects
from clusterdns.model.convergence import Convergence
from clusterdns.model.exchange import Path
from clusterdns.model.outcome import Outcome
from clusterdns.model.pods import DEFAULT, NodeView
from clusterdns.model.query_matrix import QueryMatrix
from clusterdns.model.questions import questions_of
from clusterdns.model.records import Generated
from clusterdns.model.resolver import ResolvConf
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from clusterdns.verdicts.records import ROWS, row
from tests.unit.measuring.fakes import FakeProber
from tests.unit.verdicts.rightserver import COREDNS, EXTERNAL, SOA, answer, context
from tests.unit.verdicts.topologies import TWO, server, topology, upstream

CONTEXT = context()
NODE_RESOLVER = "192.0.2.53"
SERVER = ServerAddress("10.96.0.10", "Service", pod=False)
POD = ServerAddress("10.0.0.1", "kube-system/p1", pod=True)


@dataclass
class RightServer:
    """Answers as the records call for; of names outside, so does the node's resolver."""

    rotating: Sequence[str] = ("AAAA",)  # types of the external name that are answered otherwise each time
    fails: frozenset[str] = frozenset()  # addresses that never answer
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # address, name, type
    _turn: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        questions = questions_of(CONTEXT)
        self.by_question = {(question.name, question.rtype): question for question in questions}
        self.generated = {
            f"{data.address.replace('.', '-').replace(':', '-')}.{data.service}": data.address
            for question in questions
            for _, _, data in question.records
            if isinstance(data, Generated)
        }

    def send(self, _pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        return [self._answer(index, message) for index, message in enumerate(request["messages"])]

    def _answer(self, index: int, message: Mapping[str, Any]) -> Answer:
        query = base64.b64decode(message["wire"])
        (asked,) = dns.message.from_wire(query).question
        name, rtype = str(asked.name), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((message["address"], name, rtype))
        silent = message["address"] in self.fails
        wire = None if silent else base64.b64encode(self._wire(query, name, rtype, message)).decode()
        return {
            "message": index,
            "failure": "timeout" if silent else None,
            "wire": wire,
            "source": None if silent else [message["address"], message["port"]],
            "strays": 0,
            "tried": True,
            "sent_ns": 1,
            "received_ns": None if silent else 2,
        }

    def _wire(self, query: bytes, name: str, rtype: str, message: Mapping[str, Any]) -> bytes:
        if name == f"{EXTERNAL}." and rtype in self.rotating:
            return self._with(query, rtype, [f"2001:db8::{next(self._turn):x}"])
        if name in self.generated:
            address = self.generated[name]
            return self._with(query, rtype, [address] if (":" in address) == (rtype == "AAAA") else [])
        size = dns.message.from_wire(query)
        path = Path("n1", "", message["address"], message["transport"], size.payload or None)
        wire = answer(self.by_question[name, rtype], query, path)
        return query[:2] + wire[2:]

    def _with(self, query: bytes, rtype: str, addresses: Sequence[str]) -> bytes:
        response = dns.message.make_response(dns.message.from_wire(query))
        for address in addresses:
            response.answer.append(dns.rrset.from_text(response.question[0].name, 5, "IN", rtype, address))
        if not addresses:
            response.authority.append(dns.rrset.from_text("cluster.local.", 5, "IN", "SOA", SOA))
        wire: bytes = response.to_wire()
        return wire


def matrix(
    right: RightServer,
    newest: Sequence[Convergence] = (),
    servers: Sequence[ServerAddress] = (SERVER, POD),
    nodes: Sequence[str] = ("n1", "n2"),
) -> QueryMatrix:
    pods = {node: ProbePod("ns", f"default-{node}", node, "10.0.0.9") for node in nodes}
    prober = FakeProber({"send": right.send})
    views = [
        NodeView(node, "", {}, {DEFAULT: ResolvConf((NODE_RESOLVER, "192.0.2.54"), ())})
        for node in ("n0", "n1", "n2")
    ]
    querier = Querier(prober.as_prober(), pods, servers, timeout=1, concurrency=8, careful=8)
    return ask_query_matrix(
        querier,
        topology(server(), services=(upstream(*TWO),)),
        profile=COREDNS,
        objects=RecordObjects(CONTEXT.namespace, CONTEXT.services, CONTEXT.unused, CONTEXT.pod),
        newest=newest,
        outside_records=known_outside(querier, EXTERNAL.upper(), views),
    )


def test_a_right_server_passes_every_row() -> None:
    found = matrix(RightServer())
    verdicts = {
        (check.id, transport): row(check.id, found, transport)
        for check in ROWS
        for transport in ("udp", "tcp")
    }
    assert {name: verdict.reason for name, verdict in verdicts.items() if verdict.reason} == {}
    assert {question for question, _ in found.asked} >= set(questions_of(CONTEXT))


def test_every_size_is_offered_inside_and_the_usual_one_outside() -> None:
    found = matrix(RightServer())
    inside = {exchange.path for question, exchange in found.asked if question.check == "records.service-ptr"}
    outside = {exchange.path for question, exchange in found.asked if question.outside}
    assert {(path.transport, path.edns) for path in inside} == {
        ("udp", None),
        ("udp", 512),
        ("udp", 1232),
        ("udp", 4096),
        ("tcp", None),
    }
    assert {(path.transport, path.edns) for path in outside} == {("udp", 1232), ("tcp", None)}
    assert {path.node for path in inside} == {"n1", "n2"}
    assert {path.address for path in inside} == {SERVER.address, POD.address}


def test_names_outside_are_known_where_the_nodes_resolver_says_the_same_twice() -> None:
    right = RightServer()
    external = {
        question.rtype: question
        for question, _ in matrix(right).asked
        if question.check == "records.external" and question.name == f"{EXTERNAL}."
    }
    assert external["A"].records == {(f"{EXTERNAL}.", "A", "192.0.2.80")}
    assert not external["A"].open
    assert external["AAAA"].open
    resolvers = [(name, rtype) for address, name, rtype in right.asked if address == NODE_RESOLVER]
    assert len(resolvers) == 2 * 2 * 2  # twice, two names, two types
    assert not [address for address, _, _ in right.asked if address == "192.0.2.54"]


def test_a_silent_resolver_leaves_names_outside_open() -> None:
    asked = matrix(RightServer(fails=frozenset({NODE_RESOLVER}))).asked
    external = [question for question, _ in asked if question.check == "records.external"]
    assert external
    assert all(question.open for question in external)


def test_made_up_names_are_followed_to_their_addresses() -> None:
    right = RightServer()
    found = matrix(right)
    assert right.generated
    addresses = {name: found.generated[name] for name in right.generated}
    assert addresses == {name: frozenset({address}) for name, address in right.generated.items()}


def test_who_does_not_show_the_newest_services_was_asked_too_early() -> None:
    path = Path("n1", "pod", "10.0.0.1", "udp", pod=True)
    seen = Convergence(path, "created 1", 0.1, (), 1, 1)
    blind = Convergence(path, "created 2", None, (), 1, 1)
    # Two DNS pods and a Service serve; two of the three are asked.
    left_out = "asked 2 of 3 addresses (--record-servers)"
    assert matrix(RightServer(), [seen]).notes == (left_out,)
    late = "asked although 1 paths did not show the newest Services (records.propagation)"
    assert matrix(RightServer(), [seen, blind]).notes == (left_out, late)


def test_what_was_left_out_is_told() -> None:
    found = matrix(RightServer(), nodes=("n1",), servers=[SERVER])
    assert found.notes == (
        "asked from 1 of 2 nodes (--record-nodes)",
        "asked 1 of 3 addresses (--record-servers)",
    )


def test_outcomes_are_of_what_came() -> None:
    found = matrix(RightServer(fails=frozenset({POD.address})))
    verdict = row("records.service-ptr", found, "udp")
    assert verdict.outcome is Outcome.WARNED  # another server answered, and rightly
    assert "queries have no answer" in verdict.reason

    asked = [(question, replace(exchange, sent=exchange.answered)) for question, exchange in found.asked]
    verdict = row("records.service-ptr", replace(found, asked=asked), "udp")
    assert verdict.outcome is Outcome.WARNED
    assert "queries were not sent: others like them have no answer" in verdict.reason

    nobody = matrix(RightServer(fails=frozenset({POD.address, SERVER.address})))
    verdict = row("records.service-ptr", nobody, "udp")
    assert verdict.outcome is Outcome.FAILED
    assert "13 of 13 questions have no answer on any path: " in verdict.reason
