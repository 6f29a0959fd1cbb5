"""Whatever an object is spoiled by, facts are read, and verdicts given."""

from hypothesis import given
from hypothesis import strategies as st

from clusterdns.cluster.arguments import dnsmasq_options, flag, words
from clusterdns.cluster.autoscaling import autoscaler
from clusterdns.cluster.environment import environment
from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.network_policies import read_network_policies
from clusterdns.formats.words import words_of
from clusterdns.settings import Settings
from clusterdns.verdicts import autoscaling, tcp_paths, topology, upstreams
from clusterdns.verdicts.network_policy import network_policy
from tests.unit.cluster.objects import configmap
from tests.unit.cluster.spoiling import in_memory, spoiled, whole

SETTINGS = Settings.load({"cluster": "lab", "profile": "audit"}, {})
WHOLE = whole()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARAMETER = st.sampled_from(["coresPerReplica", "nodesPerReplica", "min", "max", "nodesToReplicas", "x"])


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_spoiled_objects_are_read_and_judged(seed: int, times: int) -> None:
    cluster = in_memory(spoiled(WHOLE, seed, times))
    found = read_topology(cluster)
    for judge in (
        topology.identify,
        topology.redundancy,
        topology.nodelocal_coverage,
        tcp_paths.no_tcp_into_dnsmasq,
        tcp_paths.forward_pool,
        upstreams.negative_cache,
    ):
        assert judge(found).outcome
    for judge_by in (tcp_paths.tcp_capacity, upstreams.upstream_quota):
        assert judge_by(found, SETTINGS).outcome
    if found.autoscaler is not None:  # else the check is skipped
        assert autoscaling.autoscaler(found, SETTINGS).outcome
    assert network_policy(found, read_network_policies(cluster, found)).outcome


@given(st.text(max_size=40) | st.dictionaries(PARAMETER, JSON).map(repr) | JSON.map(str))
def test_any_text_for_an_autoscaler_is_read_or_told(text: str) -> None:
    for mode in ("linear", "ladder"):
        found = autoscaler([configmap("dns-autoscaler", **{mode: text})])
        assert found is not None
        assert found.value is None or found.value.replicas(3, 12) >= 1


@given(st.lists(st.text("-S-cN=kR-/.#@ server", max_size=12), max_size=8))
def test_any_arguments_are_read(arguments: list[str]) -> None:
    assert isinstance(dnsmasq_options(arguments).servers(), tuple)
    container = {"args": arguments}
    assert words([container]) == arguments
    assert flag([container], "localip") is None or any("localip" in word for word in arguments)


@given(JSON, JSON, JSON)
def test_any_environment_is_read(variables: object, sources: object, service: object) -> None:
    container = {"env": variables, "envFrom": sources}
    found = environment({}, container, "n", {}, [{"metadata": {"name": "s"}, "spec": service}])
    assert all(isinstance(value, str | None) for value in found.values())


@given(st.text(st.sampled_from('{}" \n\r#\\a\u00a0\ufeff\u2003'), max_size=60))
def test_any_text_has_words_that_lie_in_it(text: str) -> None:
    lines = text.count("\n") + 1
    assert all(1 <= word.where.line <= word.last_line <= lines for word in words_of(text, "f"))
