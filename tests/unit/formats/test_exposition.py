from pathlib import Path

import pytest

from clusterdns.formats.exposition import ExpositionError, totals

DATA = Path(__file__).parents[1] / "data"


def test_totals_of_a_real_node_cache() -> None:
    found = totals((DATA / "node-cache-1.26.7-9253.prom").read_text())
    assert found["coredns_proxy_healthcheck_failures_total"] == 100
    assert found["coredns_forward_healthcheck_broken_total"] == 4713
    assert found["coredns_proxy_conn_cache_misses_total"] > 0


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ExpositionError, match="not Prometheus"):
        totals("<html>\nno metrics here</html>\n")
