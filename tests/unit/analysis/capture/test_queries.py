"""Queries, responses and retries, from packets made here and from a real capture.

data/resolver.pcap was written by the probe's capture on a loopback device, while its `resolve` looked names
up through glibc 2.36 and musl 1.2.3 with GKE's search list and `timeout:1`, at a server that answers
broken.shop.* with SERVFAIL, drops the first try for lost.example.com and truncates big.example.com; last
comes a query over IPv6.
"""

from collections.abc import Sequence
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.capture import pcap
from clusterdns.analysis.capture.queries import Query, first_tries, read_queries, retries
from clusterdns.model.resolver import Libc, Question, Reply, ResolvConf, expected_queries
from tests.unit.analysis.capture.wires import SECOND, Packet, records, udp

REAL = Path(__file__).parents[2] / "data" / "resolver.pcap"
GKE = ResolvConf(
    ("127.0.0.1",),
    (
        *("shop.svc.cluster.local", "svc.cluster.local", "cluster.local"),
        *("europe-west1-b.c.project.internal", "c.project.internal", "google.internal"),
    ),
    (("ndots", "5"), ("timeout", "1")),
)


def datagram(time_ns: int, wire: bytes, *, source: tuple[int, int], destination: tuple[int, int]) -> Packet:
    """A UDP datagram between (last octet, port) of 10.0.0.0/24."""
    ends = [(f"10.0.0.{octet}", port) for octet, port in (source, destination)]
    return time_ns, udp(ends[0], ends[1], wire)


def queries_of(packets: Sequence[Packet], *, port: int = 53) -> tuple[Query, ...]:
    return read_queries(records(packets), port=port)


def asked(
    time_ns: int, name: str = "a.example", *, ident: int = 1, port: int = 4000, server: int = 53
) -> Packet:
    wire = dns.message.make_query(name, "A", id=ident).to_wire()
    return datagram(time_ns, wire, source=(7, port), destination=(server, 53))


def answered(
    time_ns: int, name: str = "a.example", *, ident: int = 1, port: int = 4000, rcode: str = "NOERROR"
) -> Packet:
    response = dns.message.make_response(dns.message.make_query(name, "A", id=ident))
    response.set_rcode(dns.rcode.from_text(rcode))
    if rcode == "NOERROR":
        response.answer.append(dns.rrset.from_text(f"{name}.", 30, "IN", "A", "192.0.2.1"))
    return datagram(time_ns, response.to_wire(), source=(53, 53), destination=(7, port))


@pytest.fixture(scope="module")
def real() -> tuple[Query, ...]:
    with REAL.open("rb") as file:
        return read_queries(pcap.read(file))


def test_a_query_and_its_response() -> None:
    assert queries_of([asked(5, "A.Example"), answered(9, "A.Example")]) == (
        Query(5, "10.0.0.7", 4000, "10.0.0.53", "udp", 1, "A.Example", "A", 9, "NOERROR", 1),
    )


def test_names_compare_in_lower_case() -> None:
    (query,) = queries_of([asked(5, "A.Example"), answered(9, "a.example", rcode="NXDOMAIN")])
    assert (query.qname, query.name, query.rcode, query.answers) == ("A.Example", "a.example", "NXDOMAIN", 0)


@pytest.mark.parametrize(
    "other",
    [answered(9, ident=2), answered(9, port=4001), answered(9, "b.example")],
    ids=["id", "port", "name"],
)
def test_a_response_to_something_else_is_not_taken(other: Packet) -> None:
    (query,) = queries_of([asked(5), other])
    assert query.response_ns is None
    assert query.rcode is None


def test_other_ports_and_messages_are_passed_over() -> None:
    notify = dns.message.make_query("a.example", "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    packets = [
        datagram(1, b"mdns", source=(7, 5353), destination=(9, 5353)),
        datagram(2, b"", source=(7, 4000), destination=(53, 53)),
        datagram(3, bytes(12), source=(7, 4000), destination=(53, 53)),
        datagram(4, notify.to_wire(), source=(7, 4000), destination=(53, 53)),
        asked(5),
    ]
    assert [query.time_ns for query in queries_of(packets)] == [5]
    assert queries_of(packets, port=10053) == ()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\\.b.example.", "a\\.b.example"),
        ("a\\032b.", "a\\032b"),
        ("_dns._udp.x.", "_dns._udp.x"),
        (".", ""),
    ],
)
def test_names_are_written_as_in_master_files(name: str, written: str) -> None:
    assert queries_of([asked(1, name)])[0].qname == written


@given(st.binary(max_size=60))
def test_no_bytes_break_it(wire: bytes) -> None:
    queries_of([datagram(1, wire, source=(7, 4000), destination=(53, 53))])


class TestRetries:
    @staticmethod
    def split(*packets: Packet) -> tuple[list[int], list[int]]:
        queries = queries_of(packets)
        return [query.time_ns for query in first_tries(queries)], [
            query.time_ns for query in retries(queries)
        ]

    def test_the_same_message_again(self) -> None:
        assert self.split(asked(0), asked(5 * SECOND), answered(5 * SECOND + 1)) == ([0], [5 * SECOND])

    def test_the_response_is_the_retry_s(self) -> None:
        queries = queries_of([asked(0), asked(5 * SECOND), answered(5 * SECOND + 1)])
        assert [query.response_ns for query in queries] == [None, 5 * SECOND + 1]

    def test_at_once_after_servfail_from_another_socket(self) -> None:
        assert self.split(asked(0), answered(1, rcode="SERVFAIL"), asked(2, port=4001)) == ([0], [2])

    def test_the_same_message_to_another_server(self) -> None:
        assert self.split(asked(0), asked(1, server=54)) == ([0], [1])

    def test_another_id_after_a_time_out(self) -> None:
        assert self.split(asked(0), asked(SECOND, ident=2)) == ([0], [SECOND])

    def test_another_lookup_meanwhile_is_none(self) -> None:
        assert self.split(asked(0), asked(SECOND - 1, ident=2)) == ([0, SECOND - 1], [])

    def test_another_lookup_after_the_response_is_none(self) -> None:
        again = asked(3 * SECOND, ident=3)
        assert self.split(asked(0), answered(1), again) == ([0, 3 * SECOND], [])
        assert self.split(asked(0), asked(SECOND), answered(SECOND + 1), again) == ([0, 3 * SECOND], [SECOND])

    def test_another_lookup_much_later_is_none(self) -> None:
        assert self.split(asked(0), asked(31 * SECOND, ident=2)) == ([0, 31 * SECOND], [])
        assert self.split(asked(0), answered(1), asked(31 * SECOND)) == ([0, 31 * SECOND], [])

    def test_another_name_is_none(self) -> None:
        assert self.split(asked(0), asked(SECOND, "b.example")) == ([0, SECOND], [])


def reply(query: Query) -> Reply:
    if query.rcode != "NOERROR":
        return Reply(query.rcode or "")
    return Reply.ANSWER if query.answers else Reply.NODATA


class TestRealCapture:
    def test_first_tries_are_what_the_model_expects(self, real: Sequence[Query]) -> None:
        replies = {Question(query.name, query.rtype): reply(query) for query in real if query.rcode}
        lookups = [
            ("www.example.com", ("A",)),
            ("www.example.com", ("A", "AAAA")),
            ("web", ("A", "AAAA")),
            ("Web.Shop", ("A",)),
            ("broken", ("A",)),
            ("www.example.com.", ("A", "AAAA")),
        ]
        assert [
            Question(query.name, query.rtype)
            for query in first_tries(real)
            if query.name not in {"big.example.com", "lost.example.com"} and query.client == "127.0.0.1"
        ] == [
            question
            for libc in Libc
            for name, families in lookups
            for question in expected_queries(name, families, GKE, libc, replies.__getitem__)
        ]

    def test_retries(self, real: Sequence[Query]) -> None:
        names = [(query.name, query.transport) for query in retries(real)]
        assert names == [
            ("broken.shop.svc.cluster.local", "udp"),
            *[("big.example.com", "tcp")] * 3,
            *[("broken.shop.svc.cluster.local", "udp")] * 5,
            ("lost.example.com", "udp"),
        ]

    def test_lost_queries_have_no_response(self, real: Sequence[Query]) -> None:
        assert [query.name for query in real if query.response_ns is None] == ["lost.example.com"]

    def test_large_answers_over_tcp_are_put_together(self, real: Sequence[Query]) -> None:
        assert {query.answers for query in real if query.transport == "tcp"} == {200}

    def test_ipv6_and_case(self, real: Sequence[Query]) -> None:
        assert (real[-1].client, real[-1].server, real[-1].qname) == ("::1", "::1", "WwW.eXample.com")
