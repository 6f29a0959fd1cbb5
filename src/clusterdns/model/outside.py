"""What the cluster's DNS says of names outside the cluster: wildcards, stub domains, upstreams."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from clusterdns.model.resolver import ResolvConf
from clusterdns.model.topology import LayerKind, Topology

LOOKUPS = 10
"""Names outside the cluster that each node looks up, one after the other, none of which any cache holds."""

_REVERSE = "arpa"


class Aim(StrEnum):
    """What a question is to find out."""

    WILDCARD = "whether a suffix of the search list has a wildcard"
    STUB_DOMAIN = "whether the servers of a stub domain answer"
    UPSTREAM = "how long a name outside the cluster takes"


@dataclass(frozen=True, slots=True)
class OutsideQuestion:
    """A question about a name outside the cluster.

    Attributes:
        aim: What it is to find out.
        about: The suffix or domain that it is asked for; the external name.
        name: What is asked, absolute, without its final dot.
        rtype: Of what type.
    """

    aim: Aim
    about: str
    name: str
    rtype: str


@dataclass(frozen=True, slots=True)
class OutsideAnswer:
    """What came of such a question.

    Attributes:
        node: Where it was asked.
        nameserver: The address that was asked.
        question: What was asked.
        rcode: The answer's; "" where none came, or none that can be read.
        data: The addresses that it gave.
        took_ms: From the query to the answer, or until it was given up.
    """

    node: str
    nameserver: str
    question: OutsideQuestion
    rcode: str
    data: tuple[str, ...]
    took_ms: float


def foreign_suffixes(conf: ResolvConf, zone: str) -> list[str]:
    """Return the suffixes of a search list that are not the cluster's own."""
    return [suffix for suffix in conf.search if not f".{suffix}".endswith(f".{zone}")]


def stub_domains(topology: Topology) -> dict[str, tuple[str, ...]]:
    """Return the domains that have servers of their own, and these: kube-dns' and those of Corefiles.

    The cluster's own domain and reverse ones, which node caches send to the cluster's DNS, are none.
    """
    domains = dict(topology.stub_domains)
    for layer in topology.layers:
        for forward in layer.forwards:
            for zone in forward.zones:
                own = f".{zone}".endswith(f".{topology.zone.value}")
                reverse = zone.rpartition(".")[2] == _REVERSE
                if zone not in {"", "."} and not own and not reverse:
                    domains.setdefault(zone, forward.upstreams)
    return domains


def questions(conf: ResolvConf, topology: Topology, external_name: str, label: str) -> list[OutsideQuestion]:
    """Return what a node asks.

    Args:
        conf: Of its pods of policy ClusterFirst.
        topology: Says the cluster domain, and which stub domains there are.
        external_name: A name outside the cluster.
        label: The first label of names that cannot exist.
    """
    zone = topology.zone.value
    return [
        *(
            OutsideQuestion(Aim.WILDCARD, suffix, f"{label}.{suffix}", rtype)
            for suffix in foreign_suffixes(conf, zone)
            for rtype in ("A", "AAAA")
        ),
        *(OutsideQuestion(Aim.STUB_DOMAIN, domain, domain, "SOA") for domain in stub_domains(topology)),
        *(
            OutsideQuestion(Aim.UPSTREAM, external_name, f"{label}-{number}.{external_name}", "A")
            for number in range(LOOKUPS)
        ),
    ]


def upstreams(topology: Topology) -> list[str]:
    """Return where the cluster's DNS sends what it does not know, in words."""
    return list(
        dict.fromkeys(
            str(forward)
            for layer in topology.layers
            if layer.kind is not LayerKind.NODE_LOCAL
            for forward in layer.forwards
            if "." in forward.zones
        )
    )


def asked_for(answers: Sequence[OutsideAnswer], aim: Aim) -> list[OutsideAnswer]:
    """Return the answers of one aim, without nodes and nameservers that answered nothing at all."""
    dead = {(answer.node, answer.nameserver) for answer in answers} - {
        (answer.node, answer.nameserver) for answer in answers if answer.rcode
    }
    return [
        answer
        for answer in answers
        if answer.question.aim is aim and (answer.node, answer.nameserver) not in dead
    ]
