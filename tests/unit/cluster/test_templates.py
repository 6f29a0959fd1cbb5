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
