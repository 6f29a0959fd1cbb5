"""Messages on pytest's side."""

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from clusterdns.probing.wire import MalformedMessage, parse, question


def test_a_plain_query_has_no_opt_record_and_keeps_its_case() -> None:
    message = dns.message.from_wire(question("WWW.Example.com", "AAAA", ident=7))
    assert message.id == 7
    assert message.question[0].to_text() == "WWW.Example.com. IN AAAA"
    assert message.flags == dns.flags.RD
    assert message.edns == -1


def test_the_final_dot_makes_no_difference() -> None:
    assert question("a.example.", "A", ident=1) == question("a.example", "A", ident=1)


def test_edns_offers_a_size_and_no_cookie() -> None:
    message = dns.message.from_wire(question("a.example", "SRV", edns=1232))
    assert (message.edns, message.payload, message.options) == (0, 1232, ())


def test_recursion_may_be_undesired() -> None:
    assert dns.message.from_wire(question("a.example", "A", recursion_desired=False)).flags == 0


def test_ids_are_random() -> None:
    assert len({question("a.example", "A")[:2] for _ in range(50)}) > 40


def test_a_truncated_answer_can_be_read() -> None:
    response = dns.message.make_response(dns.message.from_wire(question("a.example", "A")))
    response.flags |= dns.flags.TC
    assert parse(response.to_wire()).flags & dns.flags.TC


@pytest.mark.parametrize(
    "wire",
    [b"", b"short", bytes(11), question("a.example", "A", ident=7)[:-1], b"\xff" * 40],
    ids=["empty", "short", "no header", "cut off", "no message"],
)
def test_a_malformed_answer_is_an_observation(wire: bytes) -> None:
    with pytest.raises(MalformedMessage, match=f"{len(wire)} octets: {wire.hex()}"):
        parse(wire)
