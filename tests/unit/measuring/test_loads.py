"""Loads: each is sent once, again only where the generator was late; bursts are watched."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest

from clusterdns.errors import HarnessError, ProbeError
from clusterdns.measuring.load_plans import UDP_BURSTS
from clusterdns.measuring.loads import Loads
from clusterdns.model.load import CONSTANT, KUBE_DNS, POISSON, UPSTREAM, Destination, LoadStep, Protocol
from clusterdns.model.load_figures import LoadFigures
from clusterdns.model.saturation import Scenario
from clusterdns.probing.load import Template, fixed
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from clusterdns.settings import Settings
from tests.unit.measuring.fakes import FakeProber
from tests.unit.measuring.load_answers import load_answers

if TYPE_CHECKING:
    from clusterdns.measuring.observer import Observer

PODS = {node: ProbePod("ns", f"cluster-first-{node}", node, "10.0.0.9") for node in ("n1", "n2")}
SERVICE = Destination(KUBE_DNS, "10.96.0.10", "Service kube-dns")
STEADY = LoadStep(Protocol.UDP, CONSTANT, 500.0)


class FakeObserver:
    """Sees nothing but what is done."""

    def __init__(self) -> None:
        self.observed: list[str] = []

    def observe(self, what: str, do: Callable[[], LoadFigures]) -> Scenario:
        self.observed.append(what)
        return Scenario(what, {}, {}, [], do())


def loads(
    answers: Callable[[ProbePod, Mapping[str, Any]], Sequence[Answer]] = lambda _pod, _request: (
        load_answers()
    ),
    *,
    templates: Sequence[Template] = (),
    **given: object,
) -> tuple[Loads, FakeProber, FakeObserver]:
    prober, observer = FakeProber({"load": answers}), FakeObserver()
    destinations: dict[str, Destination | str] = {KUBE_DNS: SERVICE, UPSTREAM: "no node cache"}
    settings = Settings.load(given, {})
    return (
        Loads(
            settings,
            prober.as_prober(),
            cast("Observer", observer),
            PODS,
            "cluster.local",
            destinations,
            templates,
        ),
        prober,
        observer,
    )


def test_a_load_goes_from_every_node_and_is_sent_once() -> None:
    under_test, prober, observer = loads()
    result = under_test.sent(STEADY, KUBE_DNS)
    assert under_test.sent(STEADY, KUBE_DNS) is result
    assert sorted(node for node, _, _ in prober.requests) == ["n1", "n2"]
    assert {request["address"] for _, _, request in prober.requests} == {"10.96.0.10"}
    assert (result.destination, result.step, result.sent) == (SERVICE, STEADY, 40)
    assert result.plan == (
        "500 queries per second (constant) for 4 s by udp, from every node, to Service kube-dns"
    )
    assert result.lag_limit_ms == 1
    assert observer.observed == []
    under_test.sent(UDP_BURSTS, KUBE_DNS)
    assert len(prober.requests) == 4


def test_a_load_that_failed_is_not_sent_again() -> None:
    def fail(_pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        raise ProbeError("the agent fell silent")

    under_test, prober, _ = loads(fail)
    with pytest.raises(ProbeError, match="fell silent"):
        under_test.sent(STEADY, KUBE_DNS)
    sent = len(prober.requests)
    with pytest.raises(ProbeError, match="fell silent"):
        under_test.sent(STEADY, KUBE_DNS)
    assert len(prober.requests) == sent <= len(PODS)


@pytest.mark.parametrize(
    ("lags_ms", "attempts", "kept_ms"),
    [
        ((0.5, 9.0), 1, 0.5),
        ((1.0, 9.0), 1, 1.0),  # at the limit it is punctual
        ((2.0, 0.5, 9.0), 2, 0.5),
        ((2.0, 3.0, 4.0, 0.5), 3, 4.0),  # as often as --load-attempts says
    ],
)
def test_a_load_is_sent_again_where_the_generator_was_late(
    lags_ms: Sequence[float], attempts: int, kept_ms: float
) -> None:
    sent = dict.fromkeys(PODS, 0)

    def late(pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        sent[pod.node] += 1
        return load_answers(lag_ms=lags_ms[sent[pod.node] - 1])

    under_test, _, _ = loads(late, load_attempts=3)
    result = under_test.sent(STEADY, KUBE_DNS)
    assert sent == dict.fromkeys(PODS, attempts)
    assert result.lag().maximum == kept_ms * 1e6


def test_bursts_may_be_later_than_a_rate_before_they_are_sent_again() -> None:
    under_test, prober, _ = loads(lambda _pod, _request: load_answers(lag_ms=9))
    under_test.bursts(dict.fromkeys(PODS, "10.96.0.10"))
    assert len(prober.requests) == len(PODS)


def test_bursts_are_watched_and_count_as_a_load_of_their_destination() -> None:
    under_test, prober, observer = loads()
    scenario = under_test.bursts(dict.fromkeys(PODS, "10.96.0.10"))
    what = "bursts of 60 names every 0.2 s for 6 s by udp, from every node, to Service kube-dns"
    assert (observer.observed, scenario.what) == ([what], what)
    result = under_test.sent(UDP_BURSTS, KUBE_DNS)
    assert scenario.load == LoadFigures.of(result)
    assert len(prober.requests) == len(PODS)


def test_bursts_go_from_each_node_where_its_pods_ask() -> None:
    under_test, prober, _ = loads()
    to = {"n1": "169.254.20.10", "n2": "10.96.0.10"}
    scenario = under_test.bursts(to)
    assert {node: request["address"] for node, _, request in prober.requests} == to
    assert isinstance(scenario.load, LoadFigures)
    assert (scenario.load.to, scenario.load.destination) == (
        "nameserver",
        "where pods ask (10.96.0.10, 169.254.20.10)",
    )


def test_no_load_goes_where_the_cluster_has_nothing() -> None:
    under_test, prober, _ = loads()
    assert under_test.present() == [SERVICE]
    with pytest.raises(HarnessError, match="no load can be sent to upstream: no node cache"):
        under_test.sent(STEADY, UPSTREAM)
    assert prober.requests == []


def test_fewer_nodes_send_where_all_would_be_above_the_cap() -> None:
    under_test, prober, _ = loads(load_cap=999)
    result = under_test.sent(STEADY, KUBE_DNS)
    assert len(prober.requests) == 1
    assert "from 1 of 2 nodes (as many as --load-cap allows)" in result.plan


def test_nothing_is_sent_where_one_node_is_above_the_cap() -> None:
    under_test, prober, _ = loads(load_cap=499)
    with pytest.raises(HarnessError, match="500 queries per second from one node"):
        under_test.sent(STEADY, KUBE_DNS)
    assert prober.requests == []


def test_a_rate_asks_for_names_of_the_user_and_bursts_for_distinct_ones() -> None:
    under_test, prober, _ = loads(templates=[fixed("www.example.org", "A")])
    under_test.sent(STEADY, KUBE_DNS)
    under_test.sent(UDP_BURSTS, KUBE_DNS)
    numbers = {
        request["schedule"]["pattern"]: [message["number_at"] is not None for message in request["messages"]]
        for _, _, request in prober.requests
    }
    assert numbers == {"constant": [False], "bursts": [True]}


def test_random_arrivals_differ_between_nodes() -> None:
    under_test, prober, _ = loads(query_timeout=3)
    under_test.sent(LoadStep(Protocol.TCP_FRESH, POISSON, 500.0), KUBE_DNS)
    seeds = {node: request["schedule"]["seed"] for node, _, request in prober.requests}
    assert seeds == {"n1": 0, "n2": 1}
    assert {(request["protocol"], request["timeout"]) for _, _, request in prober.requests} == {
        ("tcp-fresh", 3)
    }
    assert {len(request["messages"]) for _, _, request in prober.requests} == {2}
