"""What load a run sends: steps, schedules and their cap, names."""

from pathlib import Path
from typing import Any

import dns.message
import pytest

from clusterdns.errors import HarnessError, UsageError
from clusterdns.measuring.load_plans import (
    UDP_BURSTS,
    described,
    distinct_names,
    lag_limit_ms,
    load_questions,
    load_steps,
    plan,
    schedule,
    senders,
    templates_of,
)
from clusterdns.model.load import BURSTS, CONSTANT, POISSON, LoadStep, Protocol
from clusterdns.model.resolver import ResolvConf
from clusterdns.probing.load import Bursts, Constant, Poisson, Template
from clusterdns.settings import Settings

STEADY = LoadStep(Protocol.UDP, CONSTANT, 500.0)
RANDOM = LoadStep(Protocol.UDP, POISSON, 500.0)


def settings(**given: object) -> Settings:
    return Settings.load(given, {})


def question_of(template: Template) -> str:
    asked = dns.message.from_wire(template.wire).question[0]
    return f"{asked.name} {asked.rdtype.name}"


def test_a_run_sends_one_rate_and_then_bursts() -> None:
    assert load_steps(settings(load_rate=300)) == [LoadStep(Protocol.UDP, CONSTANT, 300), UDP_BURSTS]


def test_a_full_load_ends_with_the_bursts_of_every_protocol() -> None:
    steps = load_steps(settings(full_load=True, load_steps=(100, 200)))
    assert steps[:5] == [
        LoadStep(Protocol.UDP, CONSTANT, 100),
        LoadStep(Protocol.UDP, CONSTANT, 200),
        LoadStep(Protocol.UDP, POISSON, 100),
        LoadStep(Protocol.UDP, POISSON, 200),
        LoadStep(Protocol.TCP_HELD, CONSTANT, 100),
    ]
    assert len(steps) == 3 * 2 * 2 + 3
    assert steps[-3:] == [LoadStep(protocol, BURSTS) for protocol in Protocol]


def test_bursts_may_be_later_than_a_rate() -> None:
    limits = settings(schedule_lag_limit=2, burst_lag_limit=20)
    assert (lag_limit_ms(STEADY, limits), lag_limit_ms(UDP_BURSTS, limits)) == (2, 20)


def test_a_rate_lasts_as_long_as_is_set() -> None:
    assert schedule(STEADY, 2, settings(load_seconds=4)) == Constant(500, 4)
    assert schedule(RANDOM, 2, settings(load_seconds=4)) == Poisson(500, 4)


def test_a_rate_lasts_longer_where_a_p99_takes_longer() -> None:
    # 1000 queries, and a tenth to spare, from two nodes at 50 queries per second each.
    slow = schedule(LoadStep(Protocol.UDP, CONSTANT, 50), 2, settings(load_seconds=4))
    assert slow.seconds == pytest.approx(11)
    assert schedule(LoadStep(Protocol.UDP, CONSTANT, 50), 4, settings(load_seconds=4)).seconds == (
        pytest.approx(5.5)
    )


def test_bursts_are_as_large_and_last_as_long_as_is_set() -> None:
    assert schedule(UDP_BURSTS, 2, settings(burst_size=30, burst_seconds=3)) == Bursts(30, 0.2, 3)


@pytest.mark.parametrize(
    ("step", "given"),
    [(STEADY, {}), (RANDOM, {}), (UDP_BURSTS, {"burst_size": 100})],
)
def test_as_many_nodes_send_as_the_cap_allows(step: LoadStep, given: dict[str, Any]) -> None:
    limits = settings(load_cap=10_000, **given)
    nodes = [f"n{number:02}" for number in range(40)]
    assert senders(step, nodes[:20], limits) == tuple(nodes[:20])
    assert senders(step, nodes, limits) == tuple(nodes[::2])  # spread over all


def test_a_single_node_above_the_cap_sends_nothing() -> None:
    assert senders(STEADY, ["n1", "n2"], settings(load_cap=500)) == ("n1",)
    with pytest.raises(HarnessError, match=r"^500 queries per second from one node are above --load-cap 499"):
        senders(STEADY, ["n1", "n2"], settings(load_cap=499))


def test_a_plan_has_the_pods_own_seed_where_arrivals_are_random() -> None:
    templates = distinct_names("cluster.local")
    random = plan(RANDOM, Poisson(500, 4), "10.0.0.1", 5353, templates, deadline=3, seed=7)
    assert random.schedule == Poisson(500, 4, seed=7)
    assert (random.address, random.port, random.deadline, random.templates) == (
        "10.0.0.1",
        5353,
        3,
        templates,
    )
    held = LoadStep(Protocol.TCP_HELD, CONSTANT, 500)
    steady = plan(held, Constant(500, 4), "10.0.0.1", 5353, templates, deadline=3, seed=7)
    assert (steady.schedule, steady.protocol) == (Constant(500, 4), Protocol.TCP_HELD)


def test_schedules_in_words() -> None:
    assert described(Bursts(60, 0.2, 6)) == "bursts of 60 names every 0.2 s for 6 s"
    assert described(Constant(500, 4)) == "500 queries per second (constant) for 4 s"
    assert described(Poisson(50, 11.004)) == "50 queries per second (poisson) for 11 s"


def test_distinct_names_are_below_the_zone_and_do_not_recur() -> None:
    questions = [question_of(template) for template in distinct_names("example.org")]
    assert [question.partition(".")[2] for question in questions] == [
        "clusterdns-load.svc.example.org. A",
        "clusterdns-load.svc.example.org. AAAA",
    ]
    assert all(template.number_at for template in distinct_names("example.org"))
    assert set(questions).isdisjoint(map(question_of, distinct_names("example.org")))


def test_names_of_a_file_are_tried_as_a_pod_tries_them(tmp_path: Path) -> None:
    file = tmp_path / "names"
    file.write_text("www.example.org AAAA\nkube.example.org.\n")
    questions = load_questions(settings(load_names=str(file)))
    conf = ResolvConf(("10.96.0.10",), ("ns.svc.cluster.local", "cluster.local"), (("ndots", "5"),))
    assert [question_of(template) for template in templates_of(questions, conf)] == [
        "www.example.org.ns.svc.cluster.local. AAAA",
        "www.example.org.cluster.local. AAAA",
        "www.example.org. AAAA",
        "kube.example.org. A",
    ]


def test_no_file_asks_for_no_names() -> None:
    assert load_questions(settings()) == ()


def test_a_file_that_cannot_be_used_is_named_with_its_flag(tmp_path: Path) -> None:
    file = tmp_path / "names"
    file.write_text("www.example.org NOTYPE\n")
    with pytest.raises(UsageError, match=r"^--load-names: "):
        load_questions(settings(load_names=str(file)))
