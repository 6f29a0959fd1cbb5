"""The drawing of a cluster's DNS: every layer and way, what fails where it fails, as small for many nodes."""

import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from clusterdns.catalogue import CATALOGUE
from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.model.topology import FORWARD_LIMIT, Backend, Fact, Forward, LayerKind, Service, Topology
from clusterdns.reporting.drawing import draw, drawing
from clusterdns.reporting.marks import AREAS, CAUSES, CHECKS, Mark, Place, marks
from clusterdns.reporting.schema import Cause, Report, Run
from clusterdns.verdicts.check_causes import CHECK_CAUSES
from tests.unit.reporting.test_html import check
from tests.unit.verdicts.topologies import BY_TCP, TWO, cache, server, topology, upstream

ROOT = Path(__file__).parents[3]
CROSS = "\N{MULTIPLICATION SIGN}"
SVG = "{http://www.w3.org/2000/svg}"
ASKED = Fact("169.254.20.10", "resolv.conf")


INCIDENT = replace(topology(), nameservers=(ASKED,))
STUB_DOMAIN = replace(INCIDENT, stub_domains={"corp.example": ("192.0.2.53",), "b.example": ("192.0.2.53",)})


def words(svg: str) -> str:
    """The description of a drawing, for those who do not see it."""
    found = ET.fromstring(svg).find(f"{SVG}desc")  # noqa: S314 - our own
    assert found is not None
    return found.text or ""


def told(found: Topology, source: str, target: str) -> str:
    """What is written on the arrow between two boxes, by their titles and first lines."""
    match = re.search(
        f"From {re.escape(source)} to {re.escape(target)}: (.*?)(?=\\. From|\\.$)", words(draw(found))
    )
    assert match is not None, words(draw(found))
    return match[1]


def wrong(svg: str) -> list[str]:
    """The texts of each thing that fails."""
    groups = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("class")]  # noqa: S314 - our own
    return [
        " | ".join("".join(text.itertext()).replace(CROSS, "fails:") for text in group.findall(f"{SVG}text"))
        for group in groups
    ]


def test_the_incident_shows_each_layer_and_way_with_its_limit() -> None:
    found = INCIDENT
    cached = "NodeLocal DNSCache 1.26.7 kube-system/cache"
    dnsmasq = "kube-dns (dnsmasq) 2.90 kube-system/kube-dns"
    assert told(found, "Pods on 2 nodes", cached) == "UDP or TCP"
    assert told(found, cached, "Service kube-system/upstream") == "TCP, 20 per replica; for cluster.local"
    assert (
        told(found, "Service kube-system/upstream", dnsmasq) == "TCP, 20 per replica; 2 of 2 endpoints ready"
    )
    assert (
        told(found, cached, "/etc/resolv.conf of the node GKE: 169.254.169.254")
        == "UDP or TCP; for other names"
    )
    assert told(found, dnsmasq, "8.8.8.8") == "TCP; for other names"
    assert "in 2 zones; nameserver 169.254.20.10" in words(draw(found))


def test_pods_on_nodes_without_a_node_cache_ask_the_service_behind_it() -> None:
    service = Service("kube-system/kube-dns", (ASKED.value,), upstream(*TWO).backends)
    found = replace(topology(cache(nodes=("n1",)), server(), services=(service,)), nameservers=(ASKED,))
    assert told(found, "Pods on 2 nodes", "NodeLocal DNSCache 1.26.7 kube-system/cache").endswith(
        "not on 1 node"
    )
    assert told(found, "Pods on 2 nodes", "Service kube-system/kube-dns").endswith("from 1 node")
    assert "taken over by node caches" in words(draw(found))


@pytest.mark.parametrize("nodes", [1, 50, 5000])
def test_nodes_and_pods_are_counted_not_drawn(nodes: int) -> None:
    names = tuple(f"n{number}" for number in range(nodes))
    behind = upstream(*((name, "kube-system/kube-dns") for name in names))
    found = topology(
        cache(nodes=names),
        replace(server(), nodes=names, ready=nodes, replicas=nodes),
        services=(behind,),
        nodes=dict.fromkeys(names, "z"),
    )
    svg = draw(found)
    assert len(svg) < 12_000
    assert f"{nodes:,} of {nodes:,} ready, on {nodes:,} of {nodes:,} node" in svg


def test_many_servers_services_and_zones_do_not_make_it_wide() -> None:
    forwards = [Forward((f"z{n}.example",), (f"192.0.2.{n}",), "Corefile") for n in range(60)]
    many = Forward(tuple(f"y{n}.example" for n in range(60)), ("192.0.2.99",), "Corefile")
    services = [Service(f"dns/s{n}", (f"10.1.0.{n}",), (), ("dns/coredns",)) for n in range(60)]
    layer = server("dns/coredns", LayerKind.COREDNS, forwards=(*forwards, many))
    svg = draw(topology(layer, services=tuple(services)))
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert len(list(root.iter(f"{SVG}rect"))) < 10
    assert float(root.get("width") or 0) < 1600
    assert "60 other Services" in svg


def test_a_layer_that_asks_itself_leads_back() -> None:
    layer = server(forwards=(Forward((".",), (upstream().addresses[0],), "Corefile"),))
    found = topology(layer, services=(upstream(*TWO),))
    dnsmasq = "kube-dns (dnsmasq) 2.90 kube-system/kube-dns"
    assert told(found, dnsmasq, "back to Service kube-system/upstream") == "UDP or TCP; for other names"


def test_what_nothing_in_the_cluster_answers_on_is_outside() -> None:
    found = replace(topology(server(), services=()), nameservers=(Fact("192.0.2.1", "resolv.conf"),))
    assert told(found, "Pods on 2 nodes", "192.0.2.1") == "UDP or TCP"


def test_a_way_says_how_many_queries_may_be_in_flight_and_that_it_is_encrypted() -> None:
    forward = Forward((".",), ("tls://9.9.9.9",), "Corefile", max_concurrent=1000)
    layer = server("dns/coredns", LayerKind.COREDNS, forwards=(forward,))
    found = topology(layer, services=())
    assert told(found, "CoreDNS 2.90 dns/coredns", "tls://9.9.9.9") == "TLS, 1,000 at once; for other names"


def test_dnsmasq_says_how_many_queries_it_forwards_at_once() -> None:
    limits = {**server().limits, FORWARD_LIMIT: Fact(150, "dnsmasq's default")}
    found = topology(replace(server(), limits=limits), services=())
    assert told(found, "kube-dns (dnsmasq) 2.90 kube-system/kube-dns", "8.8.8.8").startswith(
        "UDP or TCP, 150 at once"
    )


def test_stub_domains_of_kube_dns_have_servers_of_their_own() -> None:
    dnsmasq = "kube-dns (dnsmasq) 2.90 kube-system/kube-dns"
    assert told(STUB_DOMAIN, dnsmasq, "192.0.2.53") == "TCP; for corp.example, b.example"


def test_pods_behind_a_service_that_are_no_known_dns_are_shown() -> None:
    stray = Backend("kube-system/web-1", "n1", "10.0.0.9", ready=True, layer=None)
    found = topology(server(), services=(replace(upstream(*TWO), backends=(stray,)),))
    assert "Pods that are no known DNS: kube-system/web-1." in words(draw(found))


def test_what_is_wrong_is_marked_where_it_is_mentioned() -> None:
    found = STUB_DOMAIN
    dead = Mark("stub-domain-dead", Place.OUTSIDE, frozenset({"corp.example"}))
    assert wrong(draw(found, [dead])) == ["192.0.2.53 | fails: stub-domain-dead"]
    slow = Mark("upstream-slow", Place.OUTSIDE, frozenset())
    assert len(wrong(draw(found, [slow]))) == 3
    pod = Mark("dns-pod-wrong", Place.SERVERS, frozenset({"kube-system/p1"}))
    assert wrong(draw(found, [pod]))[0].endswith(
        "kube-system/kube-dns | 2 of 2 ready, on 2 of 2 nodes | fails: dns-pod-wrong"
    )


def test_tcp_into_dnsmasq_is_marked_on_each_way_there() -> None:
    marked = wrong(draw(INCIDENT, [Mark("tcp-into-dnsmasq", Place.TCP_INTO_DNSMASQ, frozenset())]))
    assert marked == [
        "TCP, 20 per replica | 2 of 2 endpoints ready | fails: tcp-into-dnsmasq",
        "TCP, 20 per replica | for cluster.local | fails: tcp-into-dnsmasq",
    ]


def test_queries_that_are_lost_by_one_transport_are_marked_where_it_is_used() -> None:
    service = Service("kube-system/kube-dns", ("10.96.0.10",), upstream(*TWO).backends)
    found = replace(INCIDENT, services=(upstream(*TWO), service))
    lost = Mark("queries-blocked", Place.INTO_SERVERS, frozenset({"UDP"}))
    assert [text.split(" | ")[0] for text in wrong(draw(found, [lost]))] == [
        "UDP or TCP (TCP: 20 per replica)"
    ]


def test_of_many_faults_at_one_place_the_first_are_told() -> None:
    many = [Mark(f"records.r{number}", Place.SERVERS, frozenset()) for number in range(9)]
    assert wrong(draw(INCIDENT, many))[0].endswith(
        "fails: records.r0 | fails: records.r1 | fails: records.r2 | fails: and 6 more"
    )


def report(*causes: Cause, failed: tuple[str, ...] = ()) -> Report:
    measured = check("topology.identify", Outcome.PASSED, measurements=asdict(INCIDENT))
    failures = [check(id_, Outcome.FAILED) for id_ in failed]
    run = Run(
        id="1",
        started=datetime(2026, 1, 2, tzinfo=UTC),
        duration=1,
        profile="core",
        exit_code=ExitCode.FAILED,
    )
    return Report(run=run, cluster={}, settings={}, causes=causes, checks=(measured, *failures))


def test_a_report_is_drawn_from_its_data_with_causes_before_what_none_explains() -> None:
    cause = Cause(
        id="records-rewritten",
        sentence="answers are wrong",
        explains=("records.external-name",),
        remedy="mend",
        source="s",
    )
    read = Report.model_validate_json(
        report(cause, failed=("records.external-name", "records.ttl")).json_text()
    )
    assert wrong(drawing(read))[0].endswith("fails: records-rewritten | fails: records.ttl")
    assert wrong(drawing(report())) == []
    assert drawing(report().model_copy(update={"checks": ()})) == ""


def test_every_cause_and_every_check_has_its_place() -> None:
    named = {
        cause
        for path in (ROOT / "lab" / "breakages").glob("*/breakage.yaml")
        for cause in yaml.safe_load(path.read_text()).get("names", ())
    }
    assert named | {cause.id for cause in CHECK_CAUSES.values()} <= set(CAUSES)
    assert set(CHECKS) <= set(CATALOGUE)
    assert {check.area for check in CATALOGUE.values()} <= set(AREAS)
    assert marks(report(failed=("unknown.check",))) == []


def test_forwards_of_a_node_cache_into_the_cluster_by_udp_are_not_limited() -> None:
    by_udp = replace(BY_TCP, force_tcp=False, prefer_udp=True)
    found = replace(topology(cache(by_udp), server()), nameservers=(ASKED,))
    cached = "NodeLocal DNSCache 1.26.7 kube-system/cache"
    assert told(found, cached, "Service kube-system/upstream") == "UDP; for cluster.local"
