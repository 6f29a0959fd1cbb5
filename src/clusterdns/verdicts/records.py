"""DNS-based service discovery, over every path: every answer is exactly what the Services call for."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from clusterdns.check import Case, Check, only
from clusterdns.cluster.permissions import OBJECTS, PROBES, RECORD_OBJECTS
from clusterdns.measuring.run import Run
from clusterdns.model.exchange import Flag
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.query_matrix import Asked, QueryMatrix
from clusterdns.model.reachability import TRANSPORTS
from clusterdns.verdicts.answer_rows import (
    REACHABLE,
    REACHABLE_REMEDY,
    SPECIFICATION,
    RecordAnswers,
    WrongAnswer,
    deviation_of,
    judged_answers,
    measured,
)
from clusterdns.verdicts.answers import Context, faults_of, too_long

GRANTS = (OBJECTS, PROBES, RECORD_OBJECTS)
MEASURES = (
    Run.record_objects,
    Run.views,
    Run.path_probes,
    Run.outside_records,
    Run.creations,
    Run.query_matrix,
)

_REMEDY = (
    "look for rewrite, template, hosts or file in the DNS server's configuration, and for its API access"
)

Judge = Callable[[str, QueryMatrix, str], Verdict]


def row(check: str, matrix: QueryMatrix, transport: str) -> Verdict:
    """Judge every answer to a check's questions over a transport.

    Args:
        check: Its id.
        matrix: What was asked.
        transport: "udp" or "tcp".
    """
    pairs = matrix.of(check, transport)
    asked = [pair for pair in pairs if pair[1].answered]
    wrong = wrong_answers(check, matrix, transport)
    deviations = {str(instead.deviation) for pair in asked if (instead := deviation_of(matrix, pair))}
    measurements = measured(matrix, pairs, wrong=len(wrong), deviations=sorted(deviations))
    if wrong or len(asked) == len(pairs):
        return judged_answers(wrong, asked, measurements, measurements.documented_deviations)
    return _unanswered(pairs, measurements)


def wrong_answers(check: str, matrix: QueryMatrix, transport: str) -> list[WrongAnswer]:
    """Return the answers to a check's questions over a transport that are wrong, each with its faults."""
    sizes_by_tcp = {
        (question, exchange.path.node, exchange.path.address): exchange.message.size
        for question, exchange in matrix.of(check, "tcp")
        if exchange.message
    }
    known: dict[object, tuple[str, ...]] = {}
    wrong = []
    for question, exchange in matrix.of(check, transport):
        if not exchange.answered:
            continue
        path = exchange.path
        whole = sizes_by_tcp.get((question, path.node, path.address))
        # Of answers that are alike, one is looked at.
        key = (id(question), id(exchange.message), path.pod, path.limit, whole, exchange.failure)
        if key not in known:
            known[key] = faults_of(question, exchange, Context(matrix.profile, matrix.generated, whole))
        if known[key]:
            wrong.append(WrongAnswer((question, exchange), known[key]))
    return wrong


def _unanswered(pairs: Sequence[Asked], measurements: RecordAnswers) -> Verdict:
    """Judge questions whose answers, as far as there are any, are right: others may have none at all.

    Which paths answer is the business of records.reachable; that no path answers leaves a record unknown.
    """
    known = {question for question, exchange in pairs if exchange.answered}
    unknown = [
        question for question in dict.fromkeys(question for question, _ in pairs) if question not in known
    ]
    if unknown:
        what = f"{len(unknown)} of {len(known) + len(unknown)} questions have no answer on any path"
        return judged(
            [f"{what}: {unknown[0]} (see {REACHABLE})"],
            measurements,
            remedy=REACHABLE_REMEDY,
            evidence=[f"no answer on any path: {question}" for question in unknown],
        )
    return judged(
        [f"{_missing(measurements)}; what was answered is right (see {REACHABLE})"],
        measurements,
        outcome=Outcome.WARNED,
        remedy=REACHABLE_REMEDY,
        evidence=[
            f"{question}: {exchange.failure} ({exchange.path})"
            for question, exchange in pairs
            if exchange.lost
        ],
    )


def _missing(measurements: RecordAnswers) -> str:
    """Return how many queries have no answer, or were not sent since others like them had none."""
    unanswered, unsent = measurements.unanswered, measurements.unsent
    if not unanswered:
        return f"{unsent} of {measurements.messages} queries were not sent: others like them have no answer"
    more = f", {unsent} like them were not sent" if unsent else ""
    return f"{unanswered} of {measurements.messages - unsent} queries have no answer{more}"


def truncation(check: str, matrix: QueryMatrix, transport: str) -> Verdict:
    """Judge as `row`, and that some answers were too large for UDP."""
    verdict = row(check, matrix, transport)
    by_udp = matrix.of(check, "udp")
    cut = [exchange for _, exchange in by_udp if exchange.message and Flag.TC in exchange.message.flags]
    without_edns = [exchange for _, exchange in by_udp if exchange.path.edns is None]
    if verdict.outcome is Outcome.PASSED and not cut and without_edns:
        return judged(
            [f"no answer of {len(without_edns)} without EDNS had TC set, all are larger than 512 octets"],
            measured(matrix, matrix.of(check)),
        )
    return verdict


def _row(
    name: str,
    requirement: str,
    *clauses: str,
    remedy: str = _REMEDY,
    source: str = SPECIFICATION,
    judge: Judge = row,
) -> Check:
    """Return the check whose questions `model.questions` has for it, with a case for each transport.

    Args:
        name: As it follows "records.".
        requirement: As of `Check`.
        clauses: Of the source.
        remedy: As of `Check`.
        source: As of `Check`, without the clauses.
        judge: Judges the check's answers over a transport.
    """
    check = f"records.{name}"

    def judged_over(transport: str, run: Run) -> Verdict:
        return judge(check, run.query_matrix, transport)

    return Check(
        id=check,
        profile=Profile.CORE,
        requirement=requirement,
        source=", ".join((source, *clauses)),
        remedy=remedy,
        grants=GRANTS,
        measures=MEASURES,
        cases=[Case(transport, partial(judged_over, transport)) for transport in TRANSPORTS],
    )


ROWS = (
    _row(
        "dns-version",
        "A TXT record tells the version of the schema, 1.1.0.",
        "2.2",
        remedy="look for a template or rewrite over the name in the DNS server's configuration",
    ),
    _row("service-address", "A Service's name stands for its cluster IPs, and for nothing else.", "2.3.1"),
    _row(
        "service-srv",
        "Every named port of a Service has an SRV record with its port and the Service's name, "
        "an unnamed one has none.",
        "2.3.2",
    ),
    _row("service-ptr", "A cluster IP leads back to the name of its Service.", "2.3.3"),
    _row(
        "headless-address",
        "A headless Service's name stands for exactly its ready endpoints.",
        "2.4.1",
    ),
    _row(
        "headless-hostname",
        "An endpoint's hostname below its headless Service stands for the endpoint.",
        "2.1",
        "2.4.1",
    ),
    _row(
        "headless-srv",
        "Every named port of every ready endpoint has an SRV record, whose target stands for the endpoint.",
        "2.1",
        "2.4.2",
    ),
    _row(
        "headless-ptr",
        "An endpoint's address leads back to its name below its headless Service.",
        "2.1",
        "2.4.3",
    ),
    _row(
        "headless-unready",
        "Endpoints that are not ready are absent, unless the Service publishes them.",
        "2.1",
        "2.4.1",
        remedy="compare the EndpointSlices' conditions with what the DNS server has seen",
    ),
    _row(
        "external-name",
        "An ExternalName Service is a CNAME, followed to its addresses; a change of type is followed.",
        "2.5",
        remedy="check the upstreams of the cluster's DNS, and that it follows CNAMEs",
    ),
    _row(
        "pod-address",
        "The name of a pod's address stands for that address, where there are such names (deprecated).",
        "2.6",
    ),
    _row(
        "nonexistent",
        "Unknown names are NXDOMAIN, other types of known names are NODATA, both with an SOA record.",
        source="RFC 1034 4.3.2, RFC 2308 2",
        remedy="look for a wildcard, template or hosts entry, and for what strips SOA records",
    ),
    _row(
        "case",
        "Names are found in any case, and the question comes back octet for octet.",
        "2.1",
        "RFC 1035 4.1.2",
        remedy="look for a rewrite or a proxy in front that changes names' case",
    ),
    _row(
        "truncation",
        "Answers too large for UDP have TC set and arrive whole over TCP; EDNS sizes are honoured.",
        source="RFC 1035 4.1.1, RFC 6891 6.2.5, RFC 7766",
        remedy="let TCP port 53 through, and check what cuts answers without setting TC",
        judge=truncation,
    ),
    _row(
        "external",
        "A name outside the cluster resolves to what it is outside, and one that does not exist there "
        "does not resolve.",
        source="the Service's purpose",
        remedy="check the upstreams of the cluster's DNS: ask them from a DNS pod's node",
    ),
)


@dataclass(frozen=True, slots=True)
class RecordTTLs:
    """Measurements of records.ttl.

    Attributes:
        answers: All but those from outside.
        answers_by_highest_ttl: Seconds, or "negative" -> how many answers had no higher TTL.
    """

    answers: RecordAnswers
    answers_by_highest_ttl: Mapping[str, int]


def ttl(matrix: QueryMatrix, positive: float, negative: float) -> Verdict:
    """Judge how long answers last.

    Args:
        matrix: What was asked.
        positive: Seconds that a record of the cluster's may last.
        negative: Seconds that a negative answer may last.
    """
    asked = [pair for pair in matrix.asked if pair[0].lasting and not _is_from_outside(matrix, pair)]
    known: dict[int, tuple[str, ...]] = {}
    wrong = []
    highest: Counter[str] = Counter()
    for question, exchange in asked:
        message = exchange.message
        if message is None:
            continue
        if id(message) not in known:
            known[id(message)] = tuple(too_long(message, positive, negative))
        highest[f"{max((record.ttl for record in message.answer), default='negative')}"] += 1
        if known[id(message)]:
            wrong.append(WrongAnswer((question, exchange), known[id(message)]))
    answers = measured(matrix, asked, wrong=len(wrong))
    return judged_answers(wrong, asked, RecordTTLs(answers, dict(highest)))


def _is_from_outside(matrix: QueryMatrix, asked: Asked) -> bool:
    """Return whether a deviation has the answer come from outside, with TTLs that are not the cluster's."""
    instead = deviation_of(matrix, asked)
    return instead is not None and instead.outside


TTL = Check(
    id="records.ttl",
    profile=Profile.CORE,
    requirement="No record, and no negative answer, lasts longer than its limit.",
    source="RFC 2308 5, the cluster's policy (--record-ttl-limit, --negative-ttl-limit)",
    remedy="set the TTLs of the DNS server's answers (ttl of CoreDNS' kubernetes plugin, dnsmasq's "
    "--local-ttl and --neg-ttl), and the least ones of caches in front (cache plugin, --min-cache-ttl)",
    grants=GRANTS,
    measures=MEASURES,
    cases=only(
        lambda run: ttl(run.query_matrix, run.settings.record_ttl_limit, run.settings.negative_ttl_limit)
    ),
)

CHECKS = (*ROWS, TTL)
