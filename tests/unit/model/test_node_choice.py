"""Which nodes of a cluster a run looks at."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.node_choice import Candidate, choose


def node(name: str, trouble: str = "", **traits: str) -> Candidate:
    return Candidate(name=name, trouble=trouble, traits=traits)


def test_every_zone_comes_before_a_second_node_of_one() -> None:
    nodes = [node(f"{zone}{number}", zone=zone) for zone in "abc" for number in range(5)]
    assert choose(nodes, 3).nodes == ("a0", "b0", "c0")


def test_the_one_old_kubelet_is_among_a_few_of_many() -> None:
    nodes = [node(f"n{number:03}", kubelet="v1.35.0", zone="abc"[number % 3]) for number in range(500)]
    nodes.append(node("old", kubelet="v1.33.0", zone="a"))
    assert "old" in choose(nodes, 4).nodes


def test_zones_get_equal_shares() -> None:
    nodes = [node(f"a{number:02}", zone="a") for number in range(30)]
    nodes += [node(f"b{number:02}", zone="b") for number in range(8)]
    assert Counter(name[0] for name in choose(nodes, 16).nodes) == {"a": 8, "b": 8}


def test_nodes_in_trouble_are_left_out_and_named() -> None:
    chosen = choose([node("a"), node("b", "is not ready"), node("c", "runs windows")], 16)
    assert chosen.nodes == ("a",)
    assert chosen.left_out == {"b": "is not ready", "c": "runs windows"}
    assert chosen.usable == 1


def test_all_nodes_are_chosen_where_that_is_asked_for() -> None:
    assert len(choose([node(f"n{number}") for number in range(40)], None).nodes) == 40


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.booleans()), max_size=40),
    st.integers(1, 20),
)
def test_a_choice_has_as_many_nodes_as_it_may_and_every_kind_that_fits(
    kinds: list[tuple[str, str, bool]], most: int
) -> None:
    nodes = [
        node(f"n{index}", "is not ready" if broken else "", zone=zone, pool=pool)
        for index, (zone, pool, broken) in enumerate(kinds)
    ]
    usable = {candidate.name: candidate for candidate in nodes if not candidate.trouble}
    chosen = choose(reversed(nodes), most)
    assert chosen == choose(nodes, most)
    assert len(chosen.nodes) == min(most, len(usable))
    assert set(chosen.nodes) <= usable.keys()
    if most >= 5:  # zones and pools together
        for trait in ("zone", "pool"):
            assert {usable[name].traits[trait] for name in chosen.nodes} == {
                candidate.traits[trait] for candidate in usable.values()
            }
