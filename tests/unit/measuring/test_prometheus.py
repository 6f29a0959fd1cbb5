"""What Prometheus servers scrape of DNS pods."""

import json
from collections.abc import Iterator, Mapping

import pytest

from clusterdns.cluster.prometheus import PrometheusServer
from clusterdns.errors import ClusterError
from clusterdns.measuring.prometheus import ask_servers
from clusterdns.model.scraping import DNSPod, MetricsPort

POD = DNSPod(
    "kube-system",
    "node-local-dns-a",
    "daemonset/node-local-dns",
    "node-1",
    "192.168.0.2",
    {},
    metrics=(MetricsPort(9253, "node-cache", (), repeated_at=9353),),
)


def target(host: str, port: int, job: str = "dns") -> dict[str, object]:
    return {
        "scrapePool": job,
        "scrapeUrl": f"http://{host}:{port}/metrics",
        "health": "up",
        "lastError": "",
        "labels": {"job": job, "instance": f"{host}:{port}"},
    }


class Server:
    """A Prometheus with some targets, and how much it keeps of each instance."""

    def __init__(self, *targets: Mapping[str, object], kept: Mapping[str, int] | None = None) -> None:
        self.targets, self.kept = targets, kept or {}
        self.queries: list[str] = []

    def ask(self, path: str, query: Mapping[str, str | None]) -> Iterator[bytes]:
        data: dict[str, object]
        if path.endswith("/targets"):
            data = {"activeTargets": self.targets}
        else:
            self.queries.append(str(query["query"]))
            data = {
                "result": [
                    {"metric": {"job": "dns", "instance": instance}, "value": [0, str(kept)]}
                    for instance, kept in self.kept.items()
                ]
            }
        yield json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()

    def named(self, name: str) -> PrometheusServer:
        return PrometheusServer(name, self.ask)


def fail(path: str, _: Mapping[str, str | None]) -> Iterator[bytes]:
    raise ClusterError(f"nobody answers at {path}")
    yield b""


def test_of_all_targets_those_of_dns_pods_are_told() -> None:
    server = Server(target("192.168.0.2", 9253), target("192.168.0.2", 9100), target("192.168.0.3", 9253))
    (scraped,) = ask_servers([server.named("monitoring/prometheus")], [POD])
    assert scraped.name == "monitoring/prometheus"
    assert [(target.host, target.port, target.kept) for target in scraped.targets] == [
        ("192.168.0.2", 9253, None)
    ]
    assert scraped.total == 3
    assert server.queries == []


def test_what_is_kept_of_a_repeated_port_is_asked() -> None:
    targets = [target("192.168.0.2", 9253), target("192.168.0.2", 9353)]
    server = Server(*targets, kept={"192.168.0.2:9353": 0, "192.168.0.2:9253": 512})
    (scraped,) = ask_servers([server.named("p")], [POD])
    assert {target.port: target.kept for target in scraped.targets} == {9253: None, 9353: 0.0}
    assert server.queries == ['scrape_samples_post_metric_relabeling{instance=~".*:(9353)"}']


def test_servers_that_do_not_answer_are_left_out_unless_none_does() -> None:
    silent = PrometheusServer("silent", fail)
    scraped = ask_servers([silent, Server(target("192.168.0.2", 9253)).named("p")], [POD])
    assert [of_server.name for of_server in scraped] == ["p"]
    with pytest.raises(ClusterError, match="nobody answers at /api/v1/targets"):
        ask_servers([silent, silent], [POD])
