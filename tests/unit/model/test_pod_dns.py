"""The kubelet's resolv.conf, case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.pod_dns import (
    MAX_NAMESERVERS,
    MAX_SEARCH_CHARACTERS,
    MAX_SEARCH_DOMAINS,
    ClusterDNS,
    DNSConfig,
    DNSPolicy,
    cluster_search,
    pod_resolv_conf,
)
from clusterdns.model.resolver import ResolvConf

CLUSTER = ClusterDNS("cluster.local", "shop", ("10.96.0.10",))
HOST = ResolvConf(("169.254.169.254",), ("c.project.internal", "google.internal"), (("timeout", "3"),))
CLUSTER_LIST = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")


def expected(
    policy: DNSPolicy,
    dns_config: DNSConfig | None = None,
    *,
    host_network: bool = False,
    host: ResolvConf = HOST,
) -> ResolvConf:
    return pod_resolv_conf(
        policy, host_network=host_network, dns_config=dns_config, cluster=CLUSTER, host=host
    )


@pytest.mark.parametrize(
    ("policy", "host_network"),
    [
        (DNSPolicy.CLUSTER_FIRST, False),
        (DNSPolicy.CLUSTER_FIRST_WITH_HOST_NET, False),
        (DNSPolicy.CLUSTER_FIRST_WITH_HOST_NET, True),
    ],
)
def test_cluster_dns_comes_with_its_own_options(policy: DNSPolicy, *, host_network: bool) -> None:
    assert expected(policy, host_network=host_network) == ResolvConf(
        ("10.96.0.10",), (*CLUSTER_LIST, "c.project.internal", "google.internal"), (("ndots", "5"),)
    )


@pytest.mark.parametrize(
    ("policy", "host_network"),
    [(DNSPolicy.DEFAULT, False), (DNSPolicy.DEFAULT, True), (DNSPolicy.CLUSTER_FIRST, True)],
)
def test_the_node_s_own(policy: DNSPolicy, *, host_network: bool) -> None:
    assert expected(policy, host_network=host_network) == HOST


def test_none_is_the_dns_config_alone() -> None:
    config = DNSConfig(("192.0.2.53",), ("example.org",), (("ndots", "2"), ("edns0", None)))
    assert expected(DNSPolicy.NONE, config) == ResolvConf(
        ("192.0.2.53",), ("example.org",), (("ndots", "2"), ("edns0", None))
    )
    assert expected(DNSPolicy.NONE) == ResolvConf()


def test_dns_config_is_appended_without_duplicates() -> None:
    config = DNSConfig(
        ("10.96.0.10", "192.0.2.53"), ("google.internal", "example.org"), (("ndots", "2"), ("use-vc", None))
    )
    assert expected(DNSPolicy.CLUSTER_FIRST, config) == ResolvConf(
        ("10.96.0.10", "192.0.2.53"),
        (*CLUSTER_LIST, "c.project.internal", "google.internal", "example.org"),
        (("ndots", "2"), ("use-vc", None)),
    )


def test_dns_config_replaces_one_option_and_leaves_the_others() -> None:
    merged = expected(DNSPolicy.DEFAULT, DNSConfig(options=(("ndots", "1"),)))
    assert merged.options == (("ndots", "1"), ("timeout", "3"))


def test_an_empty_value_is_none() -> None:
    assert expected(DNSPolicy.NONE, DNSConfig(options=(("edns0", ""),))).options == (("edns0", None),)


def test_duplicates_of_the_node_are_left_out() -> None:
    assert cluster_search("shop", "cluster.local", ("cluster.local", "x", "x")) == (*CLUSTER_LIST, "x")


def test_duplicates_are_told_by_their_letters() -> None:
    config = DNSConfig(searches=("google.internal.", "Google.internal"))
    assert expected(DNSPolicy.DEFAULT, config).search == (*HOST.search, "google.internal", "Google.internal")


def test_the_root_may_be_a_search_domain() -> None:
    assert expected(DNSPolicy.NONE, DNSConfig(searches=(".",))).search == (".",)


def test_no_more_than_three_nameservers() -> None:
    config = DNSConfig(("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    assert expected(DNSPolicy.CLUSTER_FIRST, config).nameservers == ("10.96.0.10", "192.0.2.1", "192.0.2.2")


def test_no_more_than_32_domains() -> None:
    config = DNSConfig(searches=tuple(f"s{number}" for number in range(40)))
    assert expected(DNSPolicy.NONE, config).search == tuple(f"s{number}" for number in range(32))


def test_overlong_domains_are_passed_over_after_the_count() -> None:
    long = "x" * 254
    searches = (long, *(f"s{number}" for number in range(40)))
    assert expected(DNSPolicy.NONE, DNSConfig(searches=searches)).search == searches[1:32]


def test_no_more_than_2048_characters() -> None:
    domains = tuple(f"{number:02}{'x' * 98}" for number in range(21))
    assert len(" ".join(domains[:20])) == 2019
    assert expected(DNSPolicy.NONE, DNSConfig(searches=domains)).search == domains[:20]


@given(
    st.sampled_from(DNSPolicy),
    st.booleans(),
    st.builds(
        DNSConfig,
        st.lists(st.ip_addresses().map(str), max_size=5).map(tuple),
        st.lists(st.from_regex(r"[a-z]{1,63}(\.[a-z]{1,63}){0,2}", fullmatch=True), max_size=40).map(tuple),
    ),
)
def test_the_limits_always_hold(policy: DNSPolicy, host_network: bool, config: DNSConfig) -> None:  # noqa: FBT001
    merged = expected(policy, config, host_network=host_network)
    assert len(merged.nameservers) <= MAX_NAMESERVERS
    assert len(merged.search) <= MAX_SEARCH_DOMAINS
    assert len(" ".join(merged.search)) <= MAX_SEARCH_CHARACTERS
    assert len(set(merged.nameservers)) == len(merged.nameservers)
    assert len(set(merged.search)) == len(merged.search)
