"""The lookups whose queries are held against the model, and what is true of the names they ask for.

The truth is the cluster's, not the server's: a name of the cluster zone exists exactly if
its Service does. So a nameserver that answers for another cluster is found out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clusterdns.model.resolver import Libc, Question, Reply, ResolvConf, expected_queries

FAMILIES = {"inet": ("A",), "unspec": ("A", "AAAA")}
"""getaddrinfo's address family -> the types it asks for, in order."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One call of getaddrinfo(3).

    Attributes:
        case: A word for what is special about the name.
        name: As the application gives it.
        family: "inet" or "unspec".
        libc: Whose resolver.
        ndots: Of the pod that makes it.
        external: Whether the name is an existing one outside the cluster.
    """

    case: str
    name: str
    family: str
    libc: Libc
    ndots: int = 5
    external: bool = False

    @property
    def families(self) -> tuple[str, ...]:
        """The record types asked for."""
        return FAMILIES[self.family]


@dataclass(frozen=True, slots=True)
class SeenLookup:
    """One lookup as it was made on one node.

    Attributes:
        queries: What was asked, in order, retries left out.
        retries: How many of these were sent again.
        failure: getaddrinfo's error, None where it found an address.
        search: The search list that the cluster is to give to the pod: its own three
            domains, then the node's suffixes.
        made: Whether it was made: it is not where others like it had no answer at all.
        addresses: What getaddrinfo gave.
    """

    queries: tuple[Question, ...]
    retries: int
    failure: str | None
    search: tuple[str, ...]
    made: bool = True
    addresses: tuple[str, ...] = ()

    @property
    def unanswered(self) -> bool:
        """Whether getaddrinfo had no answer, not even that there is no such name."""
        return not self.made or self.failure in ("timeout", "EAI_AGAIN")


@dataclass(frozen=True, slots=True)
class Truth:
    """Which names exist.

    Attributes:
        zone: The cluster domain.
        services: "name.namespace" of Services with an IPv4 address -> their IP families ("IPv4", "IPv6").
        external_name: A name outside the cluster that resolves, for one family at least.
        own_service: "name.namespace" of the Service that lies in the namespace of the pods that ask.
    """

    zone: str
    services: Mapping[str, tuple[str, ...]]
    external_name: str
    own_service: str

    def reply(self, question: Question) -> Reply:
        """Return what a right nameserver says."""
        if question.name == self.external_name:
            return Reply.ANSWER
        service = question.name.removesuffix(f".svc.{self.zone}")
        families = self.services.get(service) if service != question.name else None
        if families is None:
            return Reply.NXDOMAIN
        family = "IPv6" if question.rtype == "AAAA" else "IPv4"
        return Reply.ANSWER if family in families else Reply.NODATA


# case -> how the name is made; {service} is a Service of the pod's own namespace.
CASES: dict[str, str] = {
    "external": "{external}",
    "external-absolute": "{external}.",
    "external-ndots-1": "{external}",
    "service": "{service}",
    "service-namespace": "{service}.{namespace}",
    "service-namespace-svc": "{service}.{namespace}.svc",
    "service-full": "{service}.{namespace}.svc.{zone}",
    "service-absolute": "{service}.{namespace}.svc.{zone}.",
    "five-dots": "a.b.c.d.{unknown}",
    "unknown": "{unknown}",
}
NDOTS_1 = "external-ndots-1"
UNKNOWN_LABEL = "clusterdns-no-such-name"


def lookup(case: str, family: str, libc: Libc, truth: Truth) -> Lookup:
    """Return the lookup of a case."""
    service, _, namespace = truth.own_service.partition(".")
    domain = truth.external_name.partition(".")[2]
    name = CASES[case].format(
        external=truth.external_name,
        service=service,
        namespace=namespace,
        zone=truth.zone,
        unknown=f"{UNKNOWN_LABEL}.{domain}",
    )
    external = name.removesuffix(".") == truth.external_name
    return Lookup(case, name, family, libc, 1 if case == NDOTS_1 else 5, external)


def expected(lookup: Lookup, search: tuple[str, ...], truth: Truth) -> tuple[Question, ...]:
    """Return the queries that the lookup sends behind a search list, retries left out."""
    conf = ResolvConf(search=search, options=(("ndots", str(lookup.ndots)),))
    return expected_queries(lookup.name, lookup.families, conf, lookup.libc, truth.reply)
