"""The text of resolv.conf: the cases of the manual, and those where glibc 2.36 was watched."""

import pytest

from clusterdns.formats.resolvconf import ResolvConfError, parse
from clusterdns.model.resolver import ResolvConf


def test_a_pod_s_file() -> None:
    text = "search ns.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
    assert parse(text) == ResolvConf(
        ("10.96.0.10",), ("ns.svc.cluster.local", "svc.cluster.local"), (("ndots", "5"),)
    )


def test_an_empty_file() -> None:
    assert parse("") == ResolvConf()


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("search a b\nsearch c d\n", ("c", "d")),
        ("search a b\ndomain c\n", ("c",)),
        ("domain c\nsearch a b\n", ("a", "b")),
        ("domain a b\n", ("a",)),
        ("search a\nsearch\n", ("a",)),
        ("search\ta.x  b.x\r\n", ("a.x", "b.x\r")),
        ("search a. . b.\n", ("a", ".", "b")),
        (" search a\n", ()),
        ("# search a\n;search b\n", ()),
        ("search a # b\n", ("a", "#", "b")),
    ],
)
def test_search(text: str, search: tuple[str, ...]) -> None:
    assert parse(text).search == search


def test_options_accumulate_and_the_last_wins() -> None:
    resolv = parse("options ndots:5 edns0\noptions ndots:2 timeout:1\n")
    assert resolv.options == (("edns0", None), ("ndots", "2"), ("timeout", "1"))
    assert (resolv.ndots, resolv.timeout) == (2, 1)


def test_nameservers_keep_their_order() -> None:
    assert parse("nameserver 10.0.0.2\nnameserver fd00::a\n").nameservers == ("10.0.0.2", "fd00::a")


def test_unknown_lines_are_passed_over() -> None:
    assert parse("sortlist 130.155.160.0/255.255.240.0\nlookup file bind\n") == ResolvConf()


@pytest.mark.parametrize("line", ["nameserver", "nameserver dns.example"])
def test_a_nameserver_without_address_is_told(line: str) -> None:
    with pytest.raises(ResolvConfError, match="no address in the line"):
        parse(f"{line}\n")
