"""Planted faults over random worlds are found again, and nothing is found where nothing is planted."""

from collections.abc import Callable, Hashable, Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.fault_localization import (
    Attribute,
    Description,
    Exchanges,
    Term,
    localize,
    tallied,
)

NAMES = ("node", "server", "transport", "type", "octets")
ATTRIBUTES = [Attribute(name, ordered=name == "octets") for name in NAMES]
Row = Mapping[str, int]


@st.composite
def worlds(draw: st.DrawFn, least: int = 4) -> list[tuple[int, ...]]:
    """Every combination of the attributes' values, each a few times."""
    sizes = [draw(st.integers(2, 4)) for _ in NAMES]
    times = draw(st.integers(least, 2 * least))
    return [values for values in product(*map(range, sizes)) for _ in range(times)]


@st.composite
def faults(draw: st.DrawFn, world: list[tuple[int, ...]]) -> tuple[Term, ...]:
    """A fault that the world has room for: of an ordered attribute it never takes all values."""
    chosen = sorted(draw(st.sets(st.sampled_from(range(len(NAMES))), min_size=1, max_size=3)))
    terms = []
    for index in chosen:
        ordered = ATTRIBUTES[index].ordered
        values = sorted({row[index] for row in world})[ordered:]
        terms.append(Term(NAMES[index], draw(st.sampled_from(values)), at_least=ordered))
    return tuple(terms)


def hit(values: tuple[int, ...], fault: tuple[Term, ...]) -> bool:
    row = dict(zip(NAMES, values, strict=True))
    return all(
        row[term.attribute] >= int(str(term.value)) if term.at_least else row[term.attribute] == term.value
        for term in fault
    )


def played(world: list[tuple[int, ...]], fails: Callable[[tuple[int, ...]], bool]) -> Exchanges:
    return tallied((values, fails(values)) for values in world)


@given(worlds())
def test_without_a_fault_nothing_is_described(world: list[tuple[int, ...]]) -> None:
    assert localize(ATTRIBUTES, played(world, lambda _: False)) == []


@given(st.data())
def test_a_planted_fault_is_described_exactly(data: st.DataObject) -> None:
    world = data.draw(worlds())
    fault = data.draw(faults(world))
    (description,) = localize(ATTRIBUTES, played(world, lambda values: hit(values, fault)))
    assert description.terms == fault
    matched = sum(hit(values, fault) for values in world)
    assert (description.failed, description.matched) == (matched, matched)
    assert (description.failed_elsewhere, description.elsewhere) == (0, len(world) - matched)


@given(st.data())
def test_two_planted_faults_are_described_by_what_they_hit_and_nothing_else(data: st.DataObject) -> None:
    world = data.draw(worlds())
    planted = [data.draw(faults(world)) for _ in range(2)]
    descriptions = localize(
        ATTRIBUTES, played(world, lambda values: any(hit(values, fault) for fault in planted))
    )
    for values in world:
        described = any(hit(values, description.terms) for description in descriptions)
        assert described == any(hit(values, fault) for fault in planted)


@given(st.data())
def test_a_fault_is_described_exactly_where_a_few_packets_are_lost_besides(data: st.DataObject) -> None:
    world = data.draw(worlds(least=16))
    fault = data.draw(faults(world))
    chance = data.draw(st.randoms(use_true_random=True))
    descriptions = localize(
        ATTRIBUTES, played(world, lambda values: hit(values, fault) or chance.random() < 0.01)
    )
    assert descriptions[0].terms == fault
    assert [description.terms for description in descriptions[1:]] in ([], [()])


@given(st.data())
def test_loss_on_one_node_is_that_nodes_whatever_the_path(data: st.DataObject) -> None:
    world = data.draw(worlds(least=64))
    chance = data.draw(st.randoms(use_true_random=True))
    descriptions = localize(
        ATTRIBUTES, played(world, lambda values: values[0] == 1 and chance.random() < 0.08)
    )
    assert [description.terms for description in descriptions] == [(Term("node", 1),)]
    assert descriptions[0].rate == pytest.approx(0.08, abs=0.04)
    assert not descriptions[0].always


@given(st.data())
def test_what_one_node_loses_most_of_is_that_nodes_whatever_chance_has_left(data: st.DataObject) -> None:
    world = data.draw(worlds(least=16))
    rate = data.draw(st.floats(0.3, 0.94))
    chance = data.draw(st.randoms(use_true_random=True))
    descriptions = localize(
        ATTRIBUTES, played(world, lambda values: chance.random() < (rate if values[0] == 1 else 0.03))
    )
    assert descriptions[0].terms == (Term("node", 1),)


@given(st.data())
def test_loss_everywhere_has_no_pattern(data: st.DataObject) -> None:
    world = data.draw(worlds(least=16))
    chance = data.draw(st.randoms(use_true_random=True))
    descriptions = localize(ATTRIBUTES, played(world, lambda _: chance.random() < 0.03))
    assert [description.terms for description in descriptions] in ([], [()])


def test_everything_failed_is_one_description_without_terms() -> None:
    world: dict[tuple[Hashable, ...], tuple[int, int]] = {(node, 1, 1, 1, 1): (9, 9) for node in range(3)}
    assert localize(ATTRIBUTES, world) == [Description((), 27, 27, 0, 0)]


def test_what_does_not_apply_is_no_term() -> None:
    world: dict[tuple[Hashable, ...], tuple[int, int]] = {
        (node, server, 1, None, None): (20 * (server == "a"), 20) for node in range(3) for server in "abc"
    }
    (description,) = localize(ATTRIBUTES, world)
    assert description.terms == (Term("server", "a"),)
    assert str(description) == "server a: 60 of 60; elsewhere 0 of 120"
    assert (description.value("server"), description.value("node")) == ("a", None)


def test_a_few_failures_are_no_pattern() -> None:
    world: dict[tuple[Hashable, ...], tuple[int, int]] = {
        (node, server, 1, 1, 1): ((node, server) == (1, 1), 500) for node in range(3) for server in range(3)
    }
    assert [description.terms for description in localize(ATTRIBUTES, world)] == [()]


def test_a_node_that_loses_less_than_others_does_not_hide_what_it_always_loses() -> None:
    world: dict[tuple[Hashable, ...], tuple[int, int]] = {
        (node, server, transport, 1, 1): (
            50 * ((server, transport) == (0, 0)) if node == 1 else 10 + 5 * (server % 5),
            50,
        )
        for node in range(4)
        for server in range(20)
        for transport in range(2)
    }
    first = localize(ATTRIBUTES, world)[0]
    assert first.terms == (Term("node", 1), Term("server", 0), Term("transport", 0))


def test_the_share_that_another_server_loses_does_not_hide_who_loses_all() -> None:
    """A Service sends less than half of its queries to the pod, which is asked little once it is known."""
    failed = {("pod", "udp"): (45, 45), ("service", "udp"): (400, 1000)}
    world: dict[tuple[Hashable, ...], tuple[int, int]] = {
        (1, server, transport, 1, 1): failed.get((server, transport), (0, 1000))
        for server in ("service", "pod", "another pod")
        for transport in ("udp", "tcp")
    }
    first, second = localize(ATTRIBUTES, world)
    assert first.terms == (Term("server", "pod"), Term("transport", "udp"))
    assert (second.terms, second.rate) == ((Term("server", "service"), Term("transport", "udp")), 0.4)


def test_a_node_that_loses_most_is_described_before_its_parts() -> None:
    """A full table of connections, with counts that were seen: size and type are chance."""
    world: dict[tuple[Hashable, ...], tuple[int, int]] = {
        (2, 1, 1, "A", 140): (291, 305),
        (2, 1, 1, "TXT", 50): (12, 12),
        (2, 1, 1, "A", 50): (46, 67),
        (1, 1, 1, "A", 140): (40, 1200),
        (1, 1, 1, "TXT", 50): (4, 100),
        (1, 1, 1, "A", 50): (22, 883),
    }
    first = localize(ATTRIBUTES, world)[0]
    assert (first.terms, first.failed, first.matched) == ((Term("node", 2),), 349, 384)
