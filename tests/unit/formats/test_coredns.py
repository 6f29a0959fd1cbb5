import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.formats.coredns import Configuration, load
from clusterdns.formats.releases import NODE_CACHE_DIRECTIVES
from clusterdns.formats.words import CorefileError

PATH = "/Corefile"
LAB = (1, 13, 1)


def read(text: str, version: tuple[int, ...] | None = None, **variables: str | None) -> Configuration:
    return load({PATH: text}, PATH, variables=variables, version=version)


def test_a_forward_has_its_zones_upstreams_and_pool() -> None:
    (forward,) = read(
        """Cluster.Local.:53 dns://10.0.0.0/8 {
            forward . 10.0.0.1 {$UPSTREAM} tls://10.0.0.2 {
                force_tcp
                expire 1m30.5s
                max_age 2m
                max_idle_conns 10
                max_concurrent 1000
                policy random
            }
        }""",
        UPSTREAM="fd00::1",
    ).forwards
    assert forward.zones == ("cluster.local", "10.in-addr.arpa")
    assert forward.upstreams == ("10.0.0.1", "fd00::1", "tls://10.0.0.2")
    assert (forward.force_tcp, forward.prefer_udp) == (True, False)
    assert (forward.expire, forward.max_age) == (90.5, 120.0)
    assert (forward.max_idle_conns, forward.max_concurrent) == (10, 1000)
    assert forward.source == "/Corefile, line 2"


def test_defaults_are_those_of_the_plugin() -> None:
    (forward,) = read(".:53 {\n forward corp.example. 10.0.0.1\n}").forwards
    assert forward.zones == ("corp.example",)
    assert (forward.force_tcp, forward.expire, forward.max_age, forward.max_concurrent) == (
        False,
        10.0,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("cache", "caches"),
    [
        ("", False),
        ("cache", True),
        ("cache 30", True),
        ("cache 30 cluster.local", False),
        ("cache {\n denial 0\n}", False),
        ("cache {\n denial 9984 5\n}", True),
        ("cache {\n disable denial\n}", False),
        ("cache {\n disable denial cluster.local\n disable success\n}", True),
    ],
)
def test_denials_are_cached_unless_turned_off_for_the_root(cache: str, caches: bool) -> None:  # noqa: FBT001
    assert read(f".:53 {{\n{cache}\n}}").caches_denials is caches


def test_the_zone_is_that_of_the_kubernetes_plugin() -> None:
    assert read(".:53 {\n kubernetes in-addr.arpa k8s.example\n}").cluster_zone == "k8s.example"
    assert read("k8s.example:53 {\n kubernetes\n}").cluster_zone == "k8s.example"
    assert read(".:53 {\n whoami\n}").cluster_zone is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("forward .", "wrong number of arguments"),
        ("forward . 10.0.0.1 {\n force_tcp yes\n}", "wrong number of arguments at 'yes'"),
        ("forward . 10.0.0.1 {\n expire\n}", "wrong number of arguments at 'expire'"),
        ("forward . 10.0.0.1 {\n expire 10\n}", "no duration"),
        ("forward . 10.0.0.1 {\n max_concurrent many\n}", "no number"),
        ("forward . 10.0.0.1 {\n force-tcp\n}", "no option 'force-tcp'"),
        ("forward . 10.0.0.1 { force_tcp }", "wrong number of arguments at '}'"),
        ("forward . 10.0.0.1\n{\n force_tcp\n}", "wrong number of arguments at '{'"),
        ("forward . " + "10.0.0.1 " * 16, "16 upstreams are more than 15"),
        ("forward . {$SEVERAL}", "neither an address nor a file"),
        ("forward . dns.example", "names are taken from 1.14.4 on"),
        ("forward . 10.0.0.1 {\n max_age 10s\n}", "no option 'max_age'"),
        ("proxy . 10.0.0.1", "unknown directive 'proxy'"),
        ("kubernetes cluster.local {\n upstream\n}", "no option 'upstream'"),
        ("hosts\n errors\n hosts", "only once"),
        ("cache 0", "too small"),
        ("log {\n class most\n}", "'most' is none of"),
        ("reload 1s", "too short"),
        ("template IN X", "template knows no 'X'"),
        ("rewrite name a", "too few"),
        ("bind 10.0.0.1.1.1.1.1.1.1", "neither an address nor the name of an interface"),
        ("forward . __PILLAR__CLUSTER__DNS__", "placeholder __PILLAR__CLUSTER__DNS__ has not been replaced"),
    ],
)
def test_what_a_plugin_refuses_is_told_with_its_line(line: str, message: str) -> None:
    with pytest.raises(CorefileError) as caught:
        read(f".:53 {{\n{line}\n}}", LAB, SEVERAL="10.0.0.1 10.0.0.2")
    assert message in caught.value.problem
    assert caught.value.line in (2, 3, 4)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("forward . 10.0.0.1 {\n max_age 10s\n}", (1, 14, 3)),
        ("forward . 10.0.0.1 {\n max_idle_conns 5\n}", (1, 14, 1)),
        ("forward . kube-dns-upstream.kube-system.svc", (1, 14, 4)),
        ("forward . 10.0.0.1 {\n soon_to_come 1\n}", (1, 99, 0)),
        ("something_new", (1, 99, 0)),
    ],
)
def test_a_release_takes_what_came_with_it_or_may_have_come_since(
    line: str, version: tuple[int, ...]
) -> None:
    text = f".:53 {{\n{line}\n}}"
    assert read(text, version).listeners == ((".", 53),)
    with pytest.raises(CorefileError):
        read(text, LAB)


def test_hosts_takes_lines_after_a_fallthrough_that_names_no_zone() -> None:
    text = ".:53 {\n hosts {\n fallthrough %s\n 10.0.0.1 a.example\n}\n}"
    assert read(text % "\\", LAB).listeners
    with pytest.raises(CorefileError, match="unknown option"):
        read(text % "", LAB)


def test_max_age_is_no_less_than_expire() -> None:
    text = ".:53 {\n forward . 10.0.0.1 {\n max_age 5s\n expire 10s\n}\n}"
    with pytest.raises(CorefileError, match="max_age 5 s is less than expire 10 s"):
        read(text, (1, 14, 3))


def test_node_cache_is_built_with_fewer_plugins() -> None:
    with pytest.raises(CorefileError, match="unknown directive 'file'"):
        load({PATH: ".:53 {\n file db\n}"}, PATH, known=NODE_CACHE_DIRECTIVES)


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (". {\n}\n.:53 {\n}", True),
        (".:53 a.example:53 {\n}\nA.Example. {\n}", True),
        ("10.0.0.0/8 {\n}\n10.in-addr.arpa {\n}", True),
        (".:53 {\n bind 127.0.0.1\n}\n.:53 {\n}", True),
        (".:53 {\n bind 127.0.0.1 127.0.0.1\n}", True),
        (".:53 {\n}\n.:1053 {\n}", False),
        ("dns://.:53 {\n}\ntls://.:53 {\n}", False),
        (".:53 {\n bind 127.0.0.1\n}\n.:53 {\n bind 127.0.0.2\n}", False),
    ],
)
def test_a_zone_is_served_once_at_a_place(text: str, twice: bool) -> None:  # noqa: FBT001 - what is right
    if twice:
        with pytest.raises(CorefileError, match="is served twice"):
            read(text, LAB)
    else:
        assert read(text, LAB).listeners


def test_where_servers_listen_is_told() -> None:
    found = read(".:1053 {\n bind 10.0.0.1 10.0.0.2 {\n except 10.0.0.2\n}\n}\n10.0.0.0/8 {\n bind lo\n}")
    assert found.listeners == ((".", 1053), ("10.in-addr.arpa", 53))
    assert found.ports == (1053, 53)
    assert found.binds == ("10.0.0.1", "lo")


def test_an_upstream_that_is_not_known_is_kept_apart() -> None:
    (forward,) = read(".:53 {\n forward . {$UPSTREAM} 10.0.0.1\n}", UPSTREAM=None).forwards
    assert (forward.upstreams, forward.unknown) == (("$UPSTREAM", "10.0.0.1"), ("$UPSTREAM",))


def test_values_that_are_not_known_are_taken_for_right() -> None:
    text = "{$ZONE} {\n cache {$N}\n forward . 10.0.0.1 {\n max_concurrent {$N}\n {$OPTION}\n}\n}\n. {\n}"
    assert read(text, LAB, ZONE=None, N=None, OPTION=None).forwards[0].max_concurrent is None


def test_a_build_of_somebodys_own_may_have_any_plugin() -> None:
    text = ".:53 {\n kubeforward {\n namespace kube-system\n service_name dns\n prefer_udp\n}\n}"
    (forward,) = load({PATH: text}, PATH, known=()).forwards
    assert (forward.upstreams, forward.prefer_udp) == (("dns.kube-system.svc",), True)
    with pytest.raises(CorefileError, match="unknown directive"):
        read(text)


WORDS = st.sampled_from(
    [
        *(
            ".:53",
            "cluster.local",
            "{",
            "}",
            "forward",
            ".",
            "10.0.0.1",
            "force_tcp",
            "expire",
            "5s",
            "cache",
            "30",
        ),
        *(
            "kubernetes",
            "hosts",
            "rewrite",
            "name",
            "a",
            "b",
            "template",
            "IN",
            "A",
            "acl",
            "net",
            "*",
            "bind",
            "lo",
        ),
        *(
            "errors",
            "consolidate",
            "log",
            "class",
            "reload",
            "header",
            "set",
            "ra",
            "import",
            '"',
            "#",
            "{$X}",
            ",",
        ),
    ]
)


@given(
    st.lists(st.tuples(WORDS, st.sampled_from([" ", "\n", "\n  "])), max_size=40),
    st.sampled_from([None, LAB]),
)
def test_any_words_are_loaded_or_refused(
    words: list[tuple[str, str]], version: tuple[int, ...] | None
) -> None:
    text = "".join(word + space for word, space in words)
    place = (1, 1)
    try:
        read(text, version, X=None)
    except CorefileError as error:
        place = (error.line, error.column)
    assert min(place) >= 1
