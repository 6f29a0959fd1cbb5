from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clusterdns.cluster.templates import as_endpoints, fill_in, network
from clusterdns.model.records import read_services
from tests.unit.verdicts.rightserver import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

VALUES = {**network("0badcafe"), "namespace": "n", "zone": "cluster.local", "external": "www.example.com"}


def test_blanks_are_filled_in_and_endpoints_copied() -> None:
    objects = list(fill_in(MANIFEST, VALUES))
    crowds = {one["metadata"]["name"]: one["endpoints"] for one in objects if "endpoints" in one}
    assert len(crowds["crowd-200-1"]) == 200
    assert crowds["crowd-200-1"][199]["hostname"] == "e199"
    assert crowds["crowd-30-1"][29]["addresses"] == [f"{VALUES['network6']}::101d"]
    assert "$" not in str(objects)


def test_a_blank_without_a_value_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("metadata: {name: ${name}}")
    with pytest.raises(KeyError, match="name"):
        list(fill_in(tmp_path / "x.yaml", {}))


def test_runs_have_networks_of_their_own() -> None:
    assert network("00000000") == {"network": "198.18.0", "network6": "2001:db8:0:0"}
    assert network("ffffffff") == {"network": "198.19.255", "network6": "2001:db8:ffff:ffff"}


def test_runs_whose_ids_lead_to_one_network_give_way_to_each_other() -> None:
    first, second = "e042689e", "d26b489e"  # seen: each found the other's names behind its addresses
    assert network(first)["network"] == network(second)["network"]
    ways = {
        network(first)["network"],
        network(first, [second])["network"],
        network(second, [first])["network"],
    }
    assert len(ways) == 3
    everybody = [f"{number:08x}" for number in range(512)]
    assert network(first, everybody) == network(first)
    assert network(first, everybody[:1] + everybody[2:])["network"] == "198.19.0"


def test_endpoints_have_the_content_of_the_slices() -> None:
    slices = [one for one in fill_in(MANIFEST, VALUES) if one["kind"] == "EndpointSlice"]
    by_name = {one["metadata"]["name"]: one for one in as_endpoints(slices)}
    headless = by_name["headless"]
    ready = [address["ip"] for subset in headless["subsets"] for address in subset.get("addresses", ())]
    services = [{"metadata": {"name": "headless", "namespace": "n"}, "spec": {"clusterIP": "None"}}]
    for one in slices:
        one["metadata"]["namespace"] = "n"
    (read,) = read_services(services, slices)
    # A controller writes those of one family.
    assert sorted(ready) == sorted(endpoint.address for endpoint in read.ready if "." in endpoint.address)
    assert len(headless["subsets"]) == 1
    assert headless["metadata"]["labels"] == {"endpointslice.kubernetes.io/skip-mirror": "true"}
