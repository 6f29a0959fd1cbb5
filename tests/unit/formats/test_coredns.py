import pytest

from clusterdns.formats.coredns import Configuration, understand
from clusterdns.formats.corefile import CorefileError, parse


def read(text: str, **substitutes: tuple[str, ...]) -> Configuration:
    return understand(parse({"/Corefile": text}, "/Corefile"), substitutes)


def test_a_forward_has_its_zones_upstreams_and_pool() -> None:
    (forward,) = read(
        """Cluster.Local.:53 dns://10.0.0.0/8 {
            forward . UPSTREAM tls://10.0.0.2 {
                force_tcp
                expire 1m30.5s
                max_age 500ms
                max_idle_conns 10
                max_concurrent 1000
                policy random
            }
        }""",
        UPSTREAM=("10.0.0.1", "fd00::1"),
    ).forwards
    assert forward.zones == ("cluster.local", "10.in-addr.arpa")
    assert forward.upstreams == ("10.0.0.1", "fd00::1", "tls://10.0.0.2")
    assert (forward.force_tcp, forward.prefer_udp) == (True, False)
    assert (forward.expire, forward.max_age) == (90.5, 0.5)
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
        ("forward .", "at least one upstream"),
        ("forward . x {\n force_tcp yes\n}", "takes no argument"),
        ("forward . x {\n expire\n}", "takes one argument"),
        ("forward . x {\n expire 10\n}", "no duration"),
        ("forward . x {\n max_concurrent many\n}", "no number"),
    ],
)
def test_values_that_the_plugin_refuses_are_told_with_their_line(line: str, message: str) -> None:
    with pytest.raises(CorefileError, match=message) as caught:
        read(f".:53 {{\n{line}\n}}")
    assert caught.value.line in (2, 3)
