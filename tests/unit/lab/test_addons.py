import json
from pathlib import Path

import pytest
import yaml

from lab import addons, breakage, topology
from lab.errors import LabError

ROOT = Path(__file__).parents[3]


def test_add_ons_are_chosen_once_and_in_order() -> None:
    assert addons.chosen("operator, prometheus,operator") == ("prometheus", "operator")
    assert addons.chosen("") == ()
    with pytest.raises(LabError, match="no add-on named 'operater'; did you mean 'operator'"):
        addons.chosen("operater")


@pytest.mark.parametrize("name", topology.names())
def test_the_operator_brings_the_monitoring_that_fits_the_topology(name: str) -> None:
    files = addons.manifests(("operator",), topology.load(name))
    kinds = [one["kind"] for file in files for one in yaml.safe_load_all(file.read_text())]
    monitors = {"coredns": 1, "coredns-nodelocal": 2, "gke-kubedns": 1, "gke-kubedns-nodelocal": 2}
    assert kinds.count("ServiceMonitor") == 1 + monitors.get(name, 0)  # the kubelet's besides
    assert kinds.count("PrometheusRule") == 1


def test_breakages_name_add_ons_that_there_are() -> None:
    for name in breakage.names():
        loaded = breakage.load(name)
        assert set(loaded.addons) <= set(addons.NAMES)
        assert bool(loaded.settled) <= bool(loaded.addons)


@pytest.mark.parametrize("file", sorted((ROOT / "manifests/monitoring/dashboards").glob("*.json")), ids=str)
def test_dashboards_have_panels_with_queries_and_no_two_of_one_id(file: Path) -> None:
    panels = json.loads(file.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])
