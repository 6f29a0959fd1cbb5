"""What can be wrong with a DNS answer: each fault is a function that spoils a right one.

Names are those of the suite's own Services, in whatever namespace a run makes them.
"""

import time
from collections.abc import Callable, Sequence

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Fault = Callable[[dns.message.Message], bool]
"""Spoils an answer in place; returns whether it did."""

_LATE_SECONDS = 5.0
_first_asked: dict[str, float] = {}


def _asked(answer: dns.message.Message, first: str, rtype: str) -> bool:
    """Whether the question is for a type, and a name that begins with these labels."""
    question = answer.question[0] if answer.question else None
    return (
        question is not None
        and dns.rdatatype.to_text(question.rdtype) == rtype
        and question.name.to_text().lower().startswith(f"{first}.")
    )


def _answer(answer: dns.message.Message, *data: str) -> bool:
    """Put records of the question's type, or of another one in front, into the answer section."""
    (question,) = answer.question
    answer.set_rcode(dns.rcode.NOERROR)
    answer.authority.clear()
    answer.answer = [
        dns.rrset.from_text(question.name, 30, dns.rdataclass.IN, question.rdtype, one) for one in data
    ]
    return True


def _deny(answer: dns.message.Message, soa: list[dns.rrset.RRset] | None = None) -> bool:
    answer.set_rcode(dns.rcode.NXDOMAIN)
    answer.answer.clear()
    answer.additional.clear()
    zone = dns.name.from_text("cluster.local.")
    data = "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"
    answer.authority = soa or [dns.rrset.from_text(zone, 30, dns.rdataclass.IN, dns.rdatatype.SOA, data)]
    return True


def liar(answer: dns.message.Message) -> bool:
    """A 1.2.3.4, SRV and PTR wrong.example, to everything."""
    lies = {"A": "1.2.3.4", "SRV": "0 100 80 wrong.example.", "PTR": "wrong.example."}
    rtype = dns.rdatatype.to_text(answer.question[0].rdtype)
    answer.additional.clear()
    return _answer(answer, *([lies[rtype]] if rtype in lies else []))


def srv_target_short(answer: dns.message.Message) -> bool:
    """The target of one SRV record lacks the cluster domain, as if a search list were to be used."""
    if not _asked(answer, "_http._tcp.several", "SRV") or not answer.answer:
        return False
    target = answer.answer[0][0].target
    return _answer(answer, f"0 100 80 {dns.name.Name((*target.labels[:3], b''))}")


def ttl_31(answer: dns.message.Message) -> bool:
    """Every record lasts a second longer than is allowed."""
    for rrset in answer.answer:
        rrset.ttl += 1
    return bool(answer.answer)


def no_soa(answer: dns.message.Message) -> bool:
    """A negative answer has no SOA record."""
    if not _asked(answer, "below.clusterdns-no-such-service", "A"):
        return False
    answer.authority.clear()
    return True


def lost_endpoint(answer: dns.message.Message) -> bool:
    """One endpoint of a headless Service is missing from its addresses."""
    if not _asked(answer, "headless", "A") or not answer.answer:
        return False
    answer.answer.sort(key=lambda rrset: rrset.to_text())
    answer.answer.pop()
    return True


def tc_never(answer: dns.message.Message) -> bool:
    """A set of addresses that was cut short does not say so."""
    if not (answer.flags & dns.flags.TC and _asked(answer, "crowd-200", "A")):
        return False
    answer.flags &= ~dns.flags.TC
    return True


def case_folded(answer: dns.message.Message) -> bool:
    """The question comes back in lower case."""
    (question,) = answer.question
    folded = dns.name.from_text(question.name.to_text().lower())
    if folded.labels == question.name.labels:
        return False
    question.name = folded
    return True


def ptr_namespace(answer: dns.message.Message) -> bool:
    """The address of a Service leads to its name in another namespace."""
    return _rename(answer, "several", lambda labels: (labels[0], b"default", *labels[2:]))


def wrong_address(answer: dns.message.Message) -> bool:
    """A Service has another address."""
    return _asked(answer, "plain", "A") and _answer(answer, "10.96.255.254")


def wrong_hostname(answer: dns.message.Message) -> bool:
    """A hostname stands for another endpoint."""
    return _asked(answer, "two.headless", "A") and _answer(answer, "198.18.0.11")


def lost_srv(answer: dns.message.Message) -> bool:
    """One endpoint of a headless Service has no SRV record."""
    if not _asked(answer, "_domain._udp.headless", "SRV") or not answer.answer:
        return False
    answer.answer.sort(key=lambda rrset: rrset.to_text())
    answer.answer.pop()
    return True


def wrong_endpoint_ptr(answer: dns.message.Message) -> bool:
    """An endpoint's address leads to its Service, not to its hostname."""
    return _rename(answer, "two", lambda labels: labels[1:])


def unready(answer: dns.message.Message) -> bool:
    """An endpoint that is not ready is served."""
    return _asked(answer, "unready.headless", "A") and _answer(answer, "198.18.0.15")


def no_cname(answer: dns.message.Message) -> bool:
    """An ExternalName Service has its target's address itself."""
    return _asked(answer, "alias-inside", "A") and _answer(answer, answer.answer[-1][0].to_text())


def no_version(answer: dns.message.Message) -> bool:
    """There is no version of the schema."""
    return _asked(answer, "dns-version", "TXT") and _deny(answer)


def wildcard(answer: dns.message.Message) -> bool:
    """Unknown Services all have an address."""
    return _asked(answer, "clusterdns-no-such-service", "A") and _answer(answer, "192.0.2.1")


def pod_address(answer: dns.message.Message) -> bool:
    """The name of a pod's address stands for another one."""
    return _asked(answer, "198-51-100-7", "A") and _answer(answer, "198.51.100.8")


def late(answer: dns.message.Message) -> bool:
    """What is new becomes known seconds later."""
    labels = answer.question[0].name.to_text().lower().split(".")
    service = labels[1] if len(labels) > 1 else ""
    if not service.startswith("created-"):
        return False
    first = _first_asked.setdefault(".".join(labels[1:3]), time.monotonic())
    return time.monotonic() - first < _LATE_SECONDS and _deny(answer)


def _rename(
    answer: dns.message.Message, first: str, change: Callable[[tuple[bytes, ...]], Sequence[bytes]]
) -> bool:
    """Change the target of a PTR record that begins with a label."""
    for rrset in answer.answer:
        if rrset.rdtype == dns.rdatatype.PTR and rrset[0].target.labels[0] == first.encode():
            return _answer(answer, dns.name.Name(change(rrset[0].target.labels)).to_text())
    return False


FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        liar,
        srv_target_short,
        ttl_31,
        no_soa,
        lost_endpoint,
        tc_never,
        case_folded,
        ptr_namespace,
        wrong_address,
        wrong_hostname,
        lost_srv,
        wrong_endpoint_ptr,
        unready,
        no_cname,
        no_version,
        wildcard,
        pod_address,
        late,
    )
}


def spoil(wire: bytes, faults: Sequence[Fault]) -> bytes:
    """Return an answer with the faults, octet for octet the same where none applies."""
    answer = dns.message.from_wire(wire, one_rr_per_rrset=True)
    if not answer.question or not sum(fault(answer) for fault in faults):
        return wire
    return answer.to_wire(max_size=65535)
