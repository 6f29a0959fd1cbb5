from dataclasses import replace

from clusterdns.model.outcome import Outcome
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT, VARIANTS, NodeView
from clusterdns.model.resolver import ResolvConf
from clusterdns.verdicts import resolver

ALLOWED = {"10.96.0.10": "Service kube-dns"}
ZONE = "cluster.local"
HOST = ResolvConf(("169.254.169.254",), ("c.project.internal", "google.internal"))


def right(node: str = "node-1") -> NodeView:
    """What a node gives when everything is as documented."""
    bare = NodeView(node, "zone-a", dict.fromkeys(VARIANTS, "ns"), {DEFAULT: HOST})
    seen = {name: bare.required(name, ZONE, tuple(ALLOWED)) for name in VARIANTS}
    return replace(bare, seen=seen)


def wrong(variant: str, conf: ResolvConf) -> NodeView:
    view = right("node-2")
    return replace(view, seen={**view.seen, variant: conf})


def test_a_right_cluster_passes_every_row() -> None:
    views = [right("node-1"), right("node-2")]
    verdicts = [
        resolver.nameserver(views, ALLOWED),
        resolver.search_list(views, ZONE),
        resolver.search_length(views, 6, []),
        resolver.ndots(views),
        resolver.options(views, ZONE),
        *(resolver.dns_policy(views, ZONE, ALLOWED, host_network=shared) for shared in (False, True)),
    ]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.PASSED}


def test_a_foreign_nameserver_is_named_with_its_node() -> None:
    seen = replace(right().seen[CLUSTER_FIRST], nameservers=("8.8.8.8",))
    verdict = resolver.nameserver([right(), wrong(CLUSTER_FIRST, seen)], ALLOWED)
    assert verdict.outcome is Outcome.FAILED
    assert "pods on node-2 ask 8.8.8.8, not 10.96.0.10" in verdict.reason


def test_no_nameserver_at_all_fails() -> None:
    view = wrong(CLUSTER_FIRST, replace(right().seen[CLUSTER_FIRST], nameservers=()))
    assert resolver.nameserver([view], ALLOWED).outcome is Outcome.FAILED


def test_the_order_of_the_search_list_counts() -> None:
    seen = right().seen[CLUSTER_FIRST]
    view = wrong(CLUSTER_FIRST, replace(seen, search=(seen.search[1], seen.search[0], *seen.search[2:])))
    assert resolver.search_list([view], ZONE).outcome is Outcome.FAILED


def test_the_same_suffixes_in_another_order_on_some_nodes_are_warned_of() -> None:
    other = replace(HOST, search=HOST.search[::-1])
    bare = NodeView("node-2", "zone-a", dict.fromkeys(VARIANTS, "ns"), {DEFAULT: other})
    view = replace(bare, seen={name: bare.required(name, ZONE, tuple(ALLOWED)) for name in VARIANTS})
    verdict = resolver.search_list([right(), view, replace(view, node="node-3")], ZONE)
    assert verdict.outcome is Outcome.WARNED
    assert verdict.reason == (
        "suffixes on node-2 (and 1 more nodes) are [google.internal c.project.internal], on node-1 "
        "[c.project.internal google.internal]"
    )
    assert "one order" in verdict.remedy


def test_nodes_of_other_zones_may_have_other_suffixes() -> None:
    other = replace(HOST, search=("zone-b.c.project.internal", *HOST.search[::-1]))
    bare = NodeView("node-2", "zone-b", dict.fromkeys(VARIANTS, "ns"), {DEFAULT: other})
    view = replace(bare, seen={name: bare.required(name, ZONE, tuple(ALLOWED)) for name in VARIANTS})
    assert resolver.search_list([right(), view], ZONE).outcome is Outcome.PASSED


def test_another_cluster_domain_is_the_kubelets() -> None:
    search = ("ns.svc.lab.example", "svc.lab.example", "lab.example", *HOST.search)
    verdict = resolver.search_list([wrong(CLUSTER_FIRST, replace(HOST, search=search))], ZONE)
    assert verdict.outcome is Outcome.FAILED
    assert (
        "given the cluster domain lab.example, and the cluster's DNS serves cluster.local" in verdict.reason
    )
    assert "clusterDomain" in verdict.remedy


def test_the_required_list_never_comes_from_the_pod_in_question() -> None:
    view = wrong(DEFAULT, replace(HOST, search=("corp.example",)))
    verdict = resolver.search_list([view], ZONE)
    assert verdict.outcome is Outcome.FAILED
    assert "cluster.local corp.example]" in verdict.reason


def test_one_suffix_too_many() -> None:
    views = [right()]
    assert resolver.search_length(views, 5, []).outcome is Outcome.PASSED
    verdict = resolver.search_length(views, 4, [])
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith("5 suffixes")


def test_a_list_that_the_kubelet_cut_fails_even_when_short() -> None:
    verdict = resolver.search_length([right()], 6, ["pod: Search Line limits were exceeded"])
    assert verdict.outcome is Outcome.FAILED
    assert "Search Line limits" in verdict.reason


def test_ndots_that_was_not_submitted() -> None:
    seen = replace(right().seen[CLUSTER_FIRST], options=(("ndots", "2"),))
    verdict = resolver.ndots([wrong(CLUSTER_FIRST, seen)])
    assert verdict.outcome is Outcome.FAILED
    assert "ndots is 2 in pod node-2/cluster-first, submitted to be 5" in verdict.reason


def test_every_policy_is_compared_whole() -> None:
    for variant in set(VARIANTS) - {CLUSTER_FIRST, DEFAULT}:
        seen = right().seen[variant]
        view = wrong(variant, replace(seen, options=(*seen.options, ("rotate", None))))
        host_network = VARIANTS[variant].host_network
        verdict = resolver.dns_policy([right(), view], ZONE, ALLOWED, host_network=host_network)
        other = resolver.dns_policy([right(), view], ZONE, ALLOWED, host_network=not host_network)
        assert other.outcome is Outcome.PASSED
        assert verdict.outcome is Outcome.FAILED
        assert f"node-2/{variant}" in verdict.reason


def test_an_option_that_was_not_submitted() -> None:
    seen = right().seen[CLUSTER_FIRST]
    view = wrong(CLUSTER_FIRST, replace(seen, options=(*seen.options, ("timeout", "1"))))
    verdict = resolver.options([right(), view], ZONE)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "pod node-2/cluster-first has the options timeout:1, which it did not ask for"


def test_a_submitted_option_that_is_missing() -> None:
    seen = right().seen["merged"]
    verdict = resolver.options([wrong("merged", replace(seen, options=seen.options[:1]))], ZONE)
    assert verdict.outcome is Outcome.FAILED
    assert "lacks the options" in verdict.reason


def test_ndots_and_the_options_of_a_node_are_no_business_of_options() -> None:
    seen = right().seen[CLUSTER_FIRST]
    assert resolver.options(
        [wrong(CLUSTER_FIRST, replace(seen, options=(("ndots", "2"),)))], ZONE
    ).outcome is (Outcome.PASSED)
    node = replace(right(), seen={**right().seen, DEFAULT: replace(HOST, options=(("rotate", None),))})
    of_the_node = {
        variant: node.required(variant, ZONE, tuple(ALLOWED)) for variant in set(VARIANTS) - {DEFAULT}
    }
    assert (
        resolver.options([replace(node, seen={**node.seen, **of_the_node})], ZONE).outcome is Outcome.PASSED
    )
