from pathlib import Path

import pytest

from clusterdns.formats.exposition import ExpositionError, count_series, read, totals
from clusterdns.model.scraping import COREDNS_FAMILIES, KUBEDNS_FAMILIES, SIDECAR_FAMILIES

DATA = Path(__file__).parents[1] / "data"
NODE_CACHE = DATA / "node-cache-1.26.7-9253.prom"


def test_totals_of_a_real_node_cache() -> None:
    found = totals(NODE_CACHE.read_text())
    assert found["coredns_proxy_healthcheck_failures_total"] == 100
    assert found["coredns_forward_healthcheck_broken_total"] == 4713
    assert found["coredns_proxy_conn_cache_misses_total"] > 0


@pytest.mark.parametrize("text", ["<html>\nno metrics here</html>\n", "a{b=\n", 'a{b="c} 1\n', "a b c d\n"])
def test_what_is_no_exposition_is_refused(text: str) -> None:
    with pytest.raises(ExpositionError, match="not Prometheus"):
        read(text)


@pytest.mark.parametrize(
    ("file", "families", "series"),
    [
        ("node-cache-1.26.7-9253.prom", COREDNS_FAMILIES, 177),
        ("kube-dns-1.26.7-sidecar-10054.prom", SIDECAR_FAMILIES, 94),
        ("kube-dns-1.26.7-kubedns-10055.prom", KUBEDNS_FAMILIES, 91),
    ],
)
def test_real_pages_have_the_families_they_must_have(
    file: str, families: tuple[str, ...], series: int
) -> None:
    page = read((DATA / file).read_text())
    assert set(families) <= set(page.samples)
    assert (page.series, page.duplicates) == (series, ())


def test_samples_are_added_up_by_label() -> None:
    page = read(NODE_CACHE.read_text())
    assert page.total("coredns_dns_requests_total", type="A") + page.total(
        "coredns_dns_requests_total", type="other"
    ) == page.total("coredns_dns_requests_total")
    assert page.total("coredns_dns_requests_total", type="TXT") == 0
    assert page.largest(1) == [("coredns_proxy_request_duration_seconds_bucket", 34)]


@pytest.mark.parametrize("line", ["a\t1", "a 1", " a  1", 'a{x="1"}\t1', 'a\t{x="1"} 1'])
def test_blanks_behind_a_name_are_spaces_or_tabs(line: str) -> None:
    text = f"# TYPE a counter\n{line}\n"
    assert totals(text) == {"a": 1}
    assert count_series([text.encode()]) == {"a": 1}


def test_a_series_that_is_there_twice_is_told() -> None:
    page = read('a{x="1"} 1\na{x="2"} 1\na{x="1"} 2\n')
    assert page.duplicates == ('a{x="1"}',)
    assert page.series == 2


@pytest.mark.parametrize("size", [7, 4096, 1 << 20])
def test_series_are_counted_in_pieces_of_any_size(size: int) -> None:
    data = NODE_CACHE.read_bytes()
    counts = count_series(data[at : at + size] for at in range(0, len(data), size))
    assert counts.total() == read(data.decode()).series
    assert counts.most_common(1) == [("coredns_proxy_request_duration_seconds_bucket", 34)]
