from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.records import Generated, Zone, address_type, read_services, records_of, reverse
from tests.unit.model.worlds import headless

ZONE = Zone("cluster.local")


def records(service: dict[str, Any], *slices: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    (read,) = read_services([service], slices)
    return {key: {str(one) for one in data} for key, data in records_of(read, ZONE).items()}


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": spec}


def slice_of(name: str, *endpoints: dict[str, Any], family: str = "IPv4", ports: Any = ()) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": name}
    return {
        "metadata": {"name": f"{name}-1", "namespace": "ns", "labels": labels},
        "addressType": family,
        "ports": ports,
        "endpoints": list(endpoints),
    }


def test_a_service_with_cluster_ips_of_both_families() -> None:
    ports = [{"name": "https", "port": 443}, {"port": 53, "protocol": "UDP"}]
    assert records(service("web", clusterIPs=["10.3.0.1", "fd00::1"], ports=ports)) == {
        ("web.ns.svc.cluster.local.", "A"): {"10.3.0.1"},
        ("web.ns.svc.cluster.local.", "AAAA"): {"fd00::1"},
        ("1.0.3.10.in-addr.arpa.", "PTR"): {"web.ns.svc.cluster.local."},
        (reverse("fd00::1"), "PTR"): {"web.ns.svc.cluster.local."},
        ("_https._tcp.web.ns.svc.cluster.local.", "SRV"): {"443 web.ns.svc.cluster.local."},
    }


def test_the_specifications_example_of_a_headless_service() -> None:
    ports = [{"name": "https", "port": 443, "protocol": "TCP"}]
    found = records(
        service("headless", clusterIP="None"),
        slice_of(
            "headless",
            {"addresses": ["10.3.0.100"], "hostname": "my-pet"},
            {"addresses": ["10.3.0.101"], "hostname": "my-pet"},
            {"addresses": ["10.3.0.102"]},
            {"addresses": ["10.3.0.103"], "conditions": {"ready": False}},
            ports=ports,
        ),
    )
    owner = "headless.ns.svc.cluster.local."
    made_up = f"<any>.{owner} (with address 10.3.0.102)"
    assert found == {
        (owner, "A"): {"10.3.0.100", "10.3.0.101", "10.3.0.102"},
        (f"my-pet.{owner}", "A"): {"10.3.0.100", "10.3.0.101"},
        (f"_https._tcp.{owner}", "SRV"): {f"443 my-pet.{owner}", f"443 {made_up}"},
        ("100.0.3.10.in-addr.arpa.", "PTR"): {f"my-pet.{owner}"},
        ("101.0.3.10.in-addr.arpa.", "PTR"): {f"my-pet.{owner}"},
        ("102.0.3.10.in-addr.arpa.", "PTR"): {made_up},
    }


def test_an_external_name_is_an_alias_and_nothing_else() -> None:
    found = records(service("out", type="ExternalName", externalName="WWW.example.com"))
    assert found == {("out.ns.svc.cluster.local.", "CNAME"): {"www.example.com."}}


def test_slices_of_names_and_of_nobody_are_left_alone() -> None:
    fqdn = slice_of("web", {"addresses": ["www.example.com"]}, family="FQDN")
    stray = slice_of("web", {"addresses": ["10.3.0.1"]})
    del stray["metadata"]["labels"]
    assert records(service("web", clusterIP="None"), fqdn, stray) == {}


@given(headless())
def test_headless_records_are_the_ready_endpoints(world: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    one, slices = world
    (read,) = read_services([one], slices)
    found = records_of(read, ZONE)
    owner = ZONE.service(read)
    ready = {endpoint.address for endpoint in read.ready}
    assert {data for name, rtype in found if name == owner for data in found[name, rtype]} == ready
    assert {name for name, rtype in found if rtype == "PTR"} == set(map(reverse, ready))
    named = {(port["name"], port["protocol"]) for port in one["spec"]["ports"] if port["name"]}
    targets = len({endpoint.hostname or endpoint.address for endpoint in read.ready})
    srv = {name: data for (name, rtype), data in found.items() if rtype == "SRV"}
    assert len(srv) == (len(named) if ready else 0)
    assert all(len(data) == targets for data in srv.values())  # N x M, names shared by endpoints once
    for data in (*srv.values(), *(data for (_, rtype), data in found.items() if rtype == "PTR")):
        for target in data:  # every target stands for a ready endpoint
            if isinstance(target, Generated):
                assert target.address in ready
            else:
                name = target.rpartition(" ")[2]
                assert found.get((name, "A"), set()) | found.get((name, "AAAA"), set()) <= ready


@given(headless(), st.randoms())
def test_how_endpoints_are_cut_into_slices_does_not_matter(
    world: tuple[dict[str, Any], list[dict[str, Any]]], random: Any
) -> None:
    one, slices = world
    cut = []
    for whole in slices:
        for endpoint in whole["endpoints"]:
            part = copy.deepcopy(whole)
            part["endpoints"] = [endpoint]
            cut.append(part)
    random.shuffle(cut)
    assert records(one, *slices) == records(one, *cut)


@given(headless())
def test_types_are_those_of_the_addresses(world: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    for (_, rtype), data in records(world[0], *world[1]).items():
        if rtype in ("A", "AAAA"):
            assert {address_type(address) for address in data} == {rtype}
