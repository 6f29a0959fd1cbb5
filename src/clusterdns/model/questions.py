"""Services -> what is asked for them, and what must be answered: the rows of records.*."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clusterdns.model.dns_profiles import NOERROR, NXDOMAIN, Deviation, DNSProfile
from clusterdns.model.records import (
    FAMILIES,
    SCHEMA_VERSION,
    Data,
    Records,
    Service,
    Zone,
    address_type,
    merged,
    records_of,
    reverse,
)
from clusterdns.model.served import as_served, of_first_family

Expected = tuple[str, str, Data]
"""Owner, type and data of a record."""

MANY = 20
"""Endpoints above which a Service is there to be too large for UDP: of the rest only samples are asked."""

_FOUND = frozenset({NOERROR})
_DENIED = frozenset({NXDOMAIN})
_PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class Instead:
    """An answer that is accepted instead of the one that the specification calls for.

    Attributes:
        deviation: What documents it.
        rcode: What the rcode is.
        records: The answer section; where it is empty, the authority section must have an SOA record.
        outside: Whether a server outside the cluster says so: its zone and its TTLs are not the cluster's.
    """

    deviation: Deviation
    rcode: str
    records: frozenset[Expected] = frozenset()
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the answer that it must have.

    Attributes:
        check: The check whose row it is of.
        name: What is asked for, absolute; its case is kept.
        rtype: Of which type.
        rcodes: What the rcode may be.
        records: The answer section; where it is empty, the authority section must have an SOA record.
        soa: The owner of the SOA record of an answer without data; "" where any domain above the name does.
        open: Whether more records may follow those, as where a name outside the cluster is not known exactly.
        instead: Other answers that are accepted, by documented deviations.
        outside: Whether a server outside the cluster has a part in the answer.
        lasting: Whether the limits of TTLs are for it.
    """

    check: str
    name: str
    rtype: str
    rcodes: frozenset[str] = _FOUND
    records: frozenset[Expected] = frozenset()
    soa: str = ""
    open: bool = False
    instead: tuple[Instead, ...] = ()
    outside: bool = False
    lasting: bool = True

    @property
    def large(self) -> bool:
        """Whether its answer does not fit into a UDP packet of the smallest size (RFC 1035, 4.2.1)."""
        return len(self.records) > MANY

    @property
    def negative(self) -> bool:
        """Whether no record is to be found."""
        return not self.records and not self.open

    def __str__(self) -> str:
        return f"{self.name} {self.rtype}"


@dataclass(frozen=True, slots=True)
class RecordContext:
    """What questions are made from.

    Attributes:
        zone: The cluster domain.
        profile: What its implementation makes of its freedom.
        services: Those that are asked for.
        namespace: The namespace of ours among theirs.
        outside: Name of the outside -> type -> the records that a resolver outside the cluster has for it;
            None for a type where it answers differently each time, or not at all.
        unused: An address of the Services' that none has; "" where none is known.
        pod: The address of a pod in the namespace; "" where there is none.
    """

    zone: Zone
    profile: DNSProfile
    services: Sequence[Service]
    namespace: str
    outside: Mapping[str, Mapping[str, frozenset[Expected] | None]] = field(default_factory=dict)
    unused: str = ""
    pod: str = ""

    def records(self) -> Records:
        """Return all records of its Services."""
        return merged(records_of(service, self.zone) for service in self.services)


def questions_of(context: RecordContext) -> list[Question]:
    """Return every question, each with its answer."""
    records = context.records()
    found = [question for service in context.services for question in _of_service(service, context, records)]
    found += _version(context)
    found += _nonexistent(context)
    found += _pods(context)
    found += _in_mixed_case(found)
    found += _external(context)
    return [
        replace(question, soa=context.zone.apex)
        if question.name.lower().endswith(f".{context.zone.apex}")
        else question
        for question in found
    ]


def targets(names: Iterable[str], check: str) -> list[Question]:
    """Return the questions that tell what generated names stand for: whatever is answered is looked at."""
    return [
        Question(check, name, rtype, open=True, rcodes=_FOUND | _DENIED)
        for name in names
        for rtype in FAMILIES.values()
    ]


def _of_service(service: Service, context: RecordContext, records: Records) -> Iterator[Question]:
    if service.external:
        yield from _alias(service, context, records)
        return
    kind = "headless" if service.headless else "service"
    owner = context.zone.service(service)
    if service.headless and not service.ready:
        for rtype in FAMILIES.values():
            yield Question("records.headless-unready", owner, rtype, context.profile.none_ready)
    else:
        crowd = len(service.ready) > MANY
        check = "records.truncation" if crowd else f"records.{kind}-address"
        yield from _addresses(check, owner, service, context, records)
    if service.headless:
        yield from _hostnames(service, context, records)
    yield from _srv(f"records.{kind}-srv", service, context, records)
    yield from _ptr(f"records.{kind}-ptr", service, context, records)


def _hostnames(service: Service, context: RecordContext, records: Records) -> Iterator[Question]:
    ready = dict.fromkeys(endpoint.hostname for endpoint in service.ready if endpoint.hostname)
    for hostname in _sample(tuple(ready)):
        name = context.zone.hostname(service, hostname)
        yield from _addresses("records.headless-hostname", name, service, context, records)
    unready = dict.fromkeys(
        endpoint.hostname for endpoint in service.endpoints if endpoint.hostname and not endpoint.ready
    )
    for hostname in _sample(tuple(unready)):
        if hostname not in ready:
            for rtype in FAMILIES.values():
                name = context.zone.hostname(service, hostname)
                yield Question("records.headless-unready", name, rtype, _DENIED)


def _srv(check: str, service: Service, context: RecordContext, records: Records) -> Iterator[Question]:
    owner = context.zone.service(service)
    names = [name for name, rtype in records if rtype == "SRV" and name.split(".", 2)[2] == owner]
    for name in names:
        yield _question(check, name, "SRV", service, context, records)
    # Neither a port under another protocol nor an unnamed one has a record.
    absent = [f"_http._{protocol}.{owner}" for protocol in _PROTOCOLS]
    for name in absent:
        if name not in names:
            yield Question(check, name, "SRV", _DENIED)


def _ptr(check: str, service: Service, context: RecordContext, records: Records) -> Iterator[Question]:
    known = of_first_family(service, context.profile)
    named = {endpoint.address for endpoint in known.ready if endpoint.hostname}
    for address in _sample(service.addresses or tuple(endpoint.address for endpoint in service.ready)):
        name = reverse(address)
        deviation = None
        if service.headless and address not in named:
            left_out = address not in {endpoint.address for endpoint in known.ready}
            deviation = context.profile.one_family if left_out else context.profile.no_generated_ptr
        instead = (Instead(deviation, NXDOMAIN, outside=True),) if deviation else ()
        yield Question(check, name, "PTR", records=_expected(records, name, "PTR"), instead=instead)


def _alias(service: Service, context: RecordContext, records: Records) -> Iterator[Question]:
    check, owner, target = "records.external-name", context.zone.service(service), f"{service.external}."
    alias = frozenset({(owner, "CNAME", target)})
    yield Question(check, owner, "CNAME", records=alias)
    inside = target.endswith(f".{context.zone.apex}")
    outside = context.outside.get(service.external, {})
    for rtype in FAMILIES.values():
        if inside:
            addresses = _expected(records, target, rtype)
            instead = () if addresses else _without_data(context.profile.no_lone_alias)
            yield Question(check, owner, rtype, records=alias | addresses, instead=instead)
            continue
        known = outside.get(rtype)
        instead = _without_data(context.profile.lost_alias, outside=True)
        if outside and not any(answer is None or answer for answer in outside.values()):
            instead = _without_data(context.profile.dangling_alias) + instead
        yield Question(
            check,
            owner,
            rtype,
            # What is said of a name that leads to one that does not exist is not defined (RFC 2308, 2.1).
            _FOUND if known else _FOUND | _DENIED,
            records=alias | (known or frozenset()),
            open=known is None,
            instead=instead,
            outside=True,
            lasting=False,
        )


def _version(context: RecordContext) -> Iterator[Question]:
    name = context.zone.version()
    yield Question(
        "records.dns-version",
        name,
        "TXT",
        records=frozenset({(name, "TXT", f'"{SCHEMA_VERSION}"')}),
        instead=_denial(context.profile.no_version),
        lasting=False,  # 28,800 s in the specification's example
    )


def _nonexistent(context: RecordContext) -> Iterator[Question]:
    check, namespace, apex = "records.nonexistent", context.namespace, context.zone.apex
    known = [service for service in context.services if service.namespace == namespace]
    plain = next((service for service in known if service.addresses), None)
    crowd = next((service for service in known if service.ready and service.headless), None)
    unknown = [
        f"clusterdns-no-such-service.{namespace}.svc.{apex}",
        f"below.clusterdns-no-such-service.{namespace}.svc.{apex}",
        f"kubernetes.clusterdns-no-such-namespace.svc.{apex}",
        f"clusterdns-no-such-name.{apex}",
        f"kubernetes.default.svc.{apex}{apex}",
    ]
    for service in (plain, crowd):
        if service:
            owner = context.zone.service(service)
            unknown += [f"clusterdns-no-such-endpoint.{owner}", f"one.label.too.many.{owner}"]
    for name in unknown:
        for rtype in (*FAMILIES.values(), "SRV", "TXT"):
            yield Question(check, name, rtype, _DENIED)
    for service in (plain, crowd):
        if service:
            name = context.zone.service(service)
            for rtype in ("TXT", "MX"):
                yield Question(check, name, rtype)
            yield Question(check, name, "CNAME", instead=_denial(context.profile.cname_denied))
    if context.unused:
        yield Question(check, reverse(context.unused), "PTR", _DENIED, outside=True, lasting=False)


def _pods(context: RecordContext) -> Iterator[Question]:
    for address in ("198.51.100.7", context.pod):  # 2.6: any address
        if address:
            name, rtype = context.zone.pod(context.namespace, address), address_type(address)
            records = frozenset({(name, rtype, address)})
            instead = _denial(context.profile.no_pods)
            if rtype == "AAAA":
                instead += _without_data(context.profile.no_ipv6_pods)
            yield Question("records.pod-address", name, rtype, records=records, instead=instead)


def _in_mixed_case(found: Sequence[Question]) -> Iterator[Question]:
    """Yield the last question of every check and type once more in mixed case."""
    seen: set[tuple[str, str, bool]] = set()
    for question in reversed(found):
        key = (question.check, question.rtype, question.negative)
        if key in seen or question.outside or question.check == "records.truncation":
            continue
        seen.add(key)
        yield replace(question, check="records.case", name=mixed_case(question.name))


def _external(context: RecordContext) -> Iterator[Question]:
    for name, by_type in context.outside.items():
        if name.endswith(f".{context.zone.apex}"):
            continue
        for rtype, known in by_type.items():
            yield Question(
                "records.external",
                f"{name}.",
                rtype,
                _FOUND if known is None or known else _FOUND | _DENIED,
                records=known or frozenset(),
                open=known is None,
                outside=True,
                lasting=False,
            )


def _addresses(
    check: str, name: str, service: Service, context: RecordContext, records: Records
) -> Iterator[Question]:
    for rtype in FAMILIES.values():
        yield _question(check, name, rtype, service, context, records)


def _question(  # noqa: PLR0913, PLR0917 - all that an answer depends on
    check: str, name: str, rtype: str, service: Service, context: RecordContext, records: Records
) -> Question:
    """Return the question for records of a Service, and what who knows less of it answers."""
    expected = _expected(records, name, rtype)
    instead: dict[frozenset[Expected], Instead] = {}
    for known, deviation in as_served(service, context.profile):
        served = records_of(known, context.zone)
        answer = _expected(served, name, rtype)
        exists = any(owner == name for owner, _ in served)
        if answer != expected or not exists:
            instead.setdefault(answer, Instead(deviation, NOERROR if exists else NXDOMAIN, answer))
    return Question(check, name, rtype, records=expected, instead=tuple(instead.values()))


def _expected(records: Records, owner: str, rtype: str) -> frozenset[Expected]:
    return frozenset((owner, rtype, data) for data in records.get((owner, rtype), ()))


def _sample(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(names) <= MANY else (names[0], names[len(names) // 2], names[-1])


def _denial(deviation: Deviation | None) -> tuple[Instead, ...]:
    return (Instead(deviation, NXDOMAIN),) if deviation else ()


def _without_data(deviation: Deviation | None, *, outside: bool = False) -> tuple[Instead, ...]:
    return (Instead(deviation, NOERROR, outside=outside),) if deviation else ()


def mixed_case(name: str) -> str:
    """Return a name with every second letter in upper case."""
    letters = iter(range(len(name)))
    return "".join(one.upper() if one.isalpha() and next(letters) % 2 else one for one in name.lower())
