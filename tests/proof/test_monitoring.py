"""With a real prometheus-operator: every DNS pod is scraped, dashboards have data, rules fire when due."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterdns.cluster.debug_deployment import OWN_LABELS, debug_copy
from clusterdns.formats.exposition import read
from clusterdns.model.scraping import Page
from lab import addons, place, state, topology
from lab.monitoring import Prometheus
from tests.proof.conftest import ROOT, Lab, Result, on

MONITORING = ROOT / "manifests" / "monitoring"
DATA = ROOT / "tests" / "unit" / "data"
# Lab -> which dashboard, and the jobs that its variable offers.
DASHBOARDS = {
    "coredns-nodelocal+operator": ("coredns", ("coredns", "node-local-dns")),
    "gke-kubedns-nodelocal+operator": ("kube-dns", ("kube-dns",)),
}
POOLS = {
    "coredns-nodelocal+operator": {"coredns": 2, "node-local-dns": 2},
    "gke-kubedns-nodelocal+operator": {"kube-dns": 4, "node-local-dns": 2},
}
CLUSTER_DNS = "10.96.0.10"  # on a node with a node cache, that cache
# External names straight to pods, so that a CoreDNS behind node caches forwards, too; and to a node cache.
ASK = """
import itertools, select, sys, dns.message, dns.query
for number in itertools.count():
    for address in sys.argv[1:]:
        dns.query.udp(dns.message.make_query(f"{number % 20}.example.com", "A"), address, 5)
    if select.select([sys.stdin], [], [], 0.2)[0]:
        break
"""


@contextmanager
def asking(lab: Lab, addresses: Sequence[str]) -> Iterator[None]:
    """Ask the addresses from a node for as long as the context lasts: rates are of what happens meanwhile."""
    inside = [sys.executable, "-m", "lab", "exec", "--name", lab.name, "--node", "node-1", "--"]
    ask = [*inside, sys.executable, "-c", ASK, *addresses]
    with subprocess.Popen(ask, cwd=ROOT, stdin=subprocess.PIPE):  # which ends it, closed
        yield


@pytest.mark.long
@pytest.mark.parametrize("lab", DASHBOARDS, indirect=True)
def test_every_dns_pod_is_a_healthy_target_once(
    lab: Lab, suite: Callable[..., Result], request: pytest.FixtureRequest
) -> None:
    result = suite(*on(lab), "--check=metrics,resolver.amplification")
    assert result.ids("failed") | result.ids("error") == set(), result.output
    assert result.ids("passed") >= {
        f"metrics.{name}" for name in ("exposed", "scraped", "selectors", "truth")
    }
    scraped = result.case("metrics.scraped")
    wanted = POOLS[request.node.callspec.params["lab"]]
    for job, count in wanted.items():
        assert sum(f"/{job}/" in line and line.endswith(", up") for line in scraped["evidence"]) == count


@pytest.mark.long
@pytest.mark.parametrize("lab", DASHBOARDS, indirect=True)
def test_every_query_of_the_dashboards_returns_data(lab: Lab, request: pytest.FixtureRequest) -> None:
    name, jobs = DASHBOARDS[request.node.callspec.params["lab"]]
    kubectl = place.kubectl(state.running(lab.name))
    prometheus = Prometheus("operator", kubectl)
    pods = kubectl.items("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app=kube-dns")
    addresses = [*(pod["status"]["podIP"] for pod in pods), CLUSTER_DNS]
    with asking(lab, addresses):
        for job in jobs:
            for title, expression in queries(name, job):

                def has_data(server: Prometheus, expression: str = expression) -> bool:
                    return any(
                        math.isfinite(float(series["value"][1])) for series in server.query(expression)
                    )

                prometheus.wait(f"data for panel {title!r}, job {job}: {expression}", has_data)


@pytest.mark.long
@pytest.mark.parametrize("lab", DASHBOARDS, indirect=True)
def test_prometheus_takes_the_rules(lab: Lab) -> None:
    prometheus = Prometheus("operator", place.kubectl(state.running(lab.name)))

    def healthy(server: Prometheus) -> bool:
        rules = server.rules()
        return bool(rules) and {rule["health"] for rule in rules} == {"ok"}

    prometheus.wait("healthy rules", healthy)


@pytest.mark.long
@pytest.mark.parametrize("lab", DASHBOARDS, indirect=True)
def test_pod_monitors_do_as_well(
    lab: Lab, suite: Callable[..., Result], request: pytest.FixtureRequest
) -> None:
    jobs = POOLS[request.node.callspec.params["lab"]]
    kubectl = place.kubectl(state.running(lab.name))
    loaded = topology.load(lab.topology)
    monitors = [MONITORING / f"{name}.yaml" for name in loaded.monitoring]
    every = yaml.safe_load_all((MONITORING / "podmonitors.yaml").read_text())
    wanted = [monitor for monitor in every if monitor["metadata"]["name"] in jobs]
    for path in monitors:
        kubectl("delete", f"--filename={path}")
    kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(wanted))
    try:
        Prometheus("operator", kubectl).wait("the PodMonitors' targets", Prometheus.sees_all)
        result = suite(*on(lab), "--check=metrics,resolver.amplification")
    finally:
        kubectl("delete", "--filename=-", stdin=yaml.safe_dump_all(wanted))
        kubectl.apply(monitors)
        Prometheus("operator", kubectl).wait("its targets", Prometheus.sees_all)
    assert result.ids("failed") | result.ids("error") == set(), result.output
    assert {"metrics.scraped", "metrics.selectors"} <= result.ids("passed")
    scraped = result.case("metrics.scraped")
    assert sum("podMonitor/" in line and line.endswith(", up") for line in scraped["evidence"]) == sum(
        jobs.values()
    ), scraped["evidence"]


@pytest.mark.long
@pytest.mark.parametrize("lab", ["gke-kubedns-nodelocal+operator"], indirect=True)
def test_the_copy_that_logs_every_query_is_scraped_under_its_own_name(lab: Lab) -> None:
    kubectl = place.kubectl(state.running(lab.name))
    live = json.loads(kubectl("get", "--namespace=kube-system", "deployment/kube-dns", "--output=json"))
    copy = json.dumps(debug_copy(live, OWN_LABELS))
    monitoring = MONITORING / "kube-dns-debug.yaml"
    kubectl("apply", "--filename=-", stdin=copy)
    kubectl("apply", f"--filename={monitoring}")
    prometheus = Prometheus("operator", kubectl)
    wanted = {"kube-dns-debug": 2, "kube-dns": 4}  # two ports of one pod, and of the two that it is a copy of
    try:
        prometheus.wait(
            f"as targets {wanted}", lambda server: {job: up(server, job) for job in wanted} == wanted
        )
    finally:
        kubectl("delete", f"--filename={monitoring}")
        kubectl("delete", "--filename=-", stdin=copy)
        prometheus.wait("its targets", Prometheus.sees_all)


def up(prometheus: Prometheus, job: str) -> int:
    """Return how many targets of a job are up; what was one lately answers queries for some minutes yet."""
    series = f'up{{job="{job}"}}'
    return len(prometheus.query(f"{series} == 1 and timestamp({series}) > time() - 10"))


@pytest.mark.long
def test_rules_fire_under_the_recorded_load_and_not_at_rest(tmp_path: Path) -> None:
    spec = yaml.safe_load((MONITORING / "rules.yaml").read_text())["spec"]
    alerts = {rule["alert"] for group in spec["groups"] for rule in group["rules"] if "alert" in rule}
    rules, tests = tmp_path / "rules.yaml", tmp_path / "tests.yaml"
    rules.write_text(yaml.safe_dump(spec))
    promtool("check", "rules", str(rules))
    page = read((DATA / "node-cache-1.26.7-9253.prom").read_text())
    unseen = {"ClusterDNSNodeCacheNotScraped"}
    cases = [
        case(recorded(page, rising=True), processes=22, up=1, fires=alerts - unseen, alerts=alerts),
        case(recorded(page, rising=False), processes=3, up=1, fires=set(), alerts=alerts),
        case([], processes=3, up=0, fires=unseen, alerts=alerts),
    ]
    said = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": cases}
    tests.write_text(yaml.safe_dump(said))
    promtool("test", "rules", str(tests))


def queries(dashboard: str, job: str) -> Iterator[tuple[str, str]]:
    """Yield title and query of every target of a dashboard's panels, its variables filled in."""
    board = json.loads((MONITORING / "dashboards" / f"{dashboard}.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$job", job).replace("$__rate_interval", "1m")
            yield panel["title"], expression


def recorded(page: Page, *, rising: bool) -> list[dict[str, str]]:
    """Return a recorded page as series of 15 minutes, which rise by it once a minute, or rest."""
    pod = {"job": "node-local-dns", "namespace": "kube-system", "pod": "node-local-dns-a"}
    series = []
    for name, samples in page.samples.items():
        for labels, value in samples.items():
            inside = ",".join(f'{label}="{text}"' for label, text in (pod | dict(labels)).items())
            values = f"0+{value}x15" if rising else f"{value}+0x15"
            series.append({"series": f"{name}{{{inside}}}", "values": values})
    return [counted for counted in series if counted["series"].startswith("coredns_")]


def case(
    series: list[dict[str, str]], *, processes: int, up: int, fires: set[str], alerts: set[str]
) -> dict[str, Any]:
    """Return a promtool test that counts which alerts fire after twelve minutes."""
    dnsmasq = 'container_processes{namespace="kube-system",pod="kube-dns-a",container="dnsmasq"}'
    constant = {dnsmasq: processes, 'up{job="node-local-dns"}': up}
    return {
        "interval": "1m",
        "input_series": [
            *series,
            *({"series": name, "values": f"{value}+0x15"} for name, value in constant.items()),
        ],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
                "eval_time": "12m",
                "exp_samples": [{"labels": "{}", "value": int(name in fires)}],
            }
            for name in sorted(alerts)
        ],
    }


def promtool(*arguments: str) -> None:
    """Run Prometheus' own tool to its end."""
    program = addons.promtool(lambda _: None)
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
