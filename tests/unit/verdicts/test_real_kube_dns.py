"""The answers of a real kube-dns 1.26.7, held against the verdicts: right as they are, wrong with any fault.

The data is made by tests/unit/verdicts/real_kube_dns.py. The run that it was captured in gave `headless`
an endpoint of each family under the hostname `one` in one Endpoints object, which no controller writes: the
IPv4 one was not served, so it is taken out of the objects here.
"""

from __future__ import annotations

from functools import cache

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from clusterdns.model.dns_profiles import PROFILES
from clusterdns.model.exchange import Exchange, Path
from clusterdns.model.outcome import Outcome
from clusterdns.model.query_matrix import Asked, QueryMatrix
from clusterdns.model.questions import RecordContext, questions_of, targets
from clusterdns.model.records import FAMILIES, Zone, read_services, reverse
from clusterdns.model.topology import LayerKind
from clusterdns.probing.wire import read
from clusterdns.verdicts.answer_rows import deviation_of
from clusterdns.verdicts.consistency import consistency
from clusterdns.verdicts.records import row, truncation, ttl
from lab.faults import FAULTS, spoil
from tests.unit.verdicts.real_kube_dns import Answer, load

NAMESPACE = "clusterdns-092f6e9e"
EXTERNAL = "www.example.com"
OUTSIDE = {"A": "192.0.2.80", "AAAA": "2001:db8::80"}
LOST = "198.18.79.11"
KUBE_DNS = PROFILES[LayerKind.KUBE_DNS]
DEVIATIONS = {
    KUBE_DNS.no_version,
    KUBE_DNS.no_lone_alias,
    KUBE_DNS.dangling_alias,
    KUBE_DNS.one_of_a_hostname,
    KUBE_DNS.no_generated_ptr,
    KUBE_DNS.cname_denied,
}
IDENT = b"\x00\x01"
# What kube-dns deviates by is no fault of it, and nothing changes while it is asked.
WITHOUT = {"no-version", "late"}


@cache
def real_matrix() -> QueryMatrix:
    """What a run asked and was answered in front of the real dnsmasq, each different answer once."""
    objects, answers = load()
    for item in objects:
        if item["kind"] == "EndpointSlice":
            item["endpoints"] = [one for one in item["endpoints"] or () if LOST not in one["addresses"]]
    ours = [
        item
        for item in objects
        if item["metadata"]["namespace"] in (NAMESPACE, "default")
        and not item["metadata"]["name"].startswith("created-")
    ]
    services = [item for item in ours if item["kind"] == "Service"]
    for service in services:
        service["spec"].pop("ipFamilies", None)  # the Endpoints of that run had both families
    context = RecordContext(
        zone=Zone("cluster.local"),
        profile=KUBE_DNS,
        services=read_services(services, [item for item in ours if item["kind"] == "EndpointSlice"]),
        namespace=NAMESPACE,
        outside={
            EXTERNAL: {rtype: frozenset({(f"{EXTERNAL}.", rtype, data)}) for rtype, data in OUTSIDE.items()},
            f"clusterdns-no-such-name.{EXTERNAL}": dict.fromkeys(FAMILIES.values(), frozenset()),
        },
        unused="10.96.74.199",
        pod="10.244.1.9",
    )
    questions = {(question.name, question.rtype): question for question in questions_of(context)}
    asked = []
    made_up: dict[str, set[str]] = {}
    for answer in answers:
        if answer.server != "dnsmasq-53":
            continue
        query = dns.message.from_wire(IDENT + answer.query)
        name, rtype = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        if name == reverse(LOST):
            continue
        exchange = _exchange(answer, query)
        if (name, rtype) not in questions:
            asking = {one.rtype: one for one in targets([name], "records.headless-srv")}
            questions[name, rtype] = asking[rtype]
            assert exchange.message is not None
            made_up.setdefault(name, set()).update(record.data for record in exchange.message.answer)
        asked.append((questions[name, rtype], exchange))
    generated = {name: frozenset(addresses) for name, addresses in made_up.items()}
    return QueryMatrix(tuple(asked), KUBE_DNS, generated)


def _exchange(answer: Answer, query: dns.message.Message) -> Exchange:
    size = int(query.payload) if query.edns >= 0 else None
    path = Path("node", f"pod {answer.pod}", f"10.244.{answer.pod}.3", answer.transport, size, pod=True)
    return Exchange(path, IDENT + answer.query, read(IDENT + answer.answer))


def _records(message: dns.message.Message) -> set[str]:
    return {f"{rrset.name} {record}" for rrset in message.answer for record in rrset}


def failing(matrix: QueryMatrix) -> set[str]:
    verdicts = {"records.ttl": [ttl(matrix, 30, 60)], "records.consistency": [consistency(matrix)]}
    for check in {question.check for question, _ in matrix.asked}:
        verdicts[check] = [
            truncation(check, matrix, transport)
            if check == "records.truncation"
            else row(check, matrix, transport)
            for transport in ("udp", "tcp")
        ]
    return {
        check for check, several in verdicts.items() if any(one.outcome is Outcome.FAILED for one in several)
    }


def test_all_is_asked_and_all_is_right() -> None:
    matrix = real_matrix()
    assert len(matrix.asked) > 3000
    assert len({(question.name, question.rtype) for question, _ in matrix.asked}) > 200
    assert failing(matrix) == set()


def test_every_deviation_is_told_and_no_other() -> None:
    matrix = real_matrix()
    told = {instead.deviation for one in matrix.asked if (instead := deviation_of(matrix, one))}
    assert told == DEVIATIONS


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - WITHOUT))
def test_any_answer_with_a_fault_is_wrong(name: str) -> None:
    matrix = real_matrix()
    by_name: dict[tuple[str, str], list[Asked]] = {}
    for question, exchange in matrix.asked:
        by_name.setdefault((question.name, question.rtype), []).append((question, exchange))
    spoilt: set[tuple[object, ...]] = set()
    for answer in load()[1]:
        query = dns.message.from_wire(IDENT + answer.query)
        key = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        if answer.server != "dnsmasq-53" or key[0] == reverse(LOST):
            continue
        wire = IDENT + answer.answer
        changed = spoil(wire, [FAULTS[name]])
        if changed == wire:
            continue
        question = by_name[key][0][0]
        if question.open or (key, answer.pod, answer.transport, changed) in spoilt:
            continue  # the names that are made up are judged where they stand, in SRV records
        message, spoiled = dns.message.from_wire(wire), dns.message.from_wire(changed)
        if spoiled.flags & dns.flags.TC and _records(spoiled) <= _records(message):
            continue  # what is cut short does not say what it lacks
        if name == "ttl-31" and (not question.lasting or max(rrset.ttl for rrset in message.answer) < 30):
            continue  # still within the limit
        right = _exchange(answer, query)
        wrong = _exchange(answer._replace(answer=changed[2:]), query)
        several = [(question, wrong if exchange == right else exchange) for _, exchange in by_name[key]]
        assert failing(QueryMatrix(tuple(several), KUBE_DNS, matrix.generated)), (key, right.path)
        spoilt.add((key, answer.pod, answer.transport, changed))
    assert spoilt
