"""The text of resolv.conf: the cases of the manual, and those where glibc 2.36 was watched."""

import pytest

from clusterdns.formats.resolvconf import ResolvConfError, parse
from clusterdns.model.resolver import Libc, ResolvConf


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


@pytest.mark.parametrize(
    "line",
    [
        "nameserver",
        "nameserver dns.example",
        "nameserver 10.0.0.1\r",
        "nameserver 10.0.0.1;old",
        "nameserver 10.0.0.1#53",
        "nameserver 10.0.0.1\fsearch b.x",
        "nameserver [fd00::a]",
    ],
)
def test_a_nameserver_without_address_is_told(line: str) -> None:
    with pytest.raises(ResolvConfError, match="no address in the line"):
        parse(f"{line}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("search a.x .\noptions ndots:5\n", ((), ("a.x", "."), 5, 5, 2)),
        ("nameserver 10.0.0.1 # mine\nsearch a.x # b.x\n", (("10.0.0.1",), ("a.x", "#", "b.x"), 1, 5, 2)),
        ("nameserver\t10.0.0.1\nsearch\ta.x\t b.x\n", (("10.0.0.1",), ("a.x", "b.x"), 1, 5, 2)),
        ("options ndots:0\n", ((), (), 0, 5, 2)),
        ("options ndots: 5\n", ((), (), 5, 5, 2)),
        ("options ndots:+5\n", ((), (), 5, 5, 2)),
        ("options ndots:-1\n", ((), (), 15, 5, 2)),
        ("options ndots:99 timeout:99 attempts:99\n", ((), (), 15, 30, 5)),
        ("options ndots:5 # four\n", ((), (), 5, 5, 2)),
        ("options ndots:5 rotate\noptions ndots:2 timeout:1\n", ((), (), 2, 1, 2)),
        ("search a.x. b.x..\n", ((), ("a.x", "b.x."), 1, 5, 2)),
        ("nameserver fe80::1%lo\n", (("fe80::1",), (), 1, 5, 2)),
        ("nameserver ::ffff:10.0.0.1\n", (("::ffff:a00:1",), (), 1, 5, 2)),
        (
            "".join(f"nameserver 10.0.0.{number}\n" for number in range(1, 5)),
            (("10.0.0.1", "10.0.0.2", "10.0.0.3"), (), 1, 5, 2),
        ),
        ("nameserver 010.0.0.1\n", (("8.0.0.1",), (), 1, 5, 2)),
        ("nameserver 10.1\n", (("10.0.0.1",), (), 1, 5, 2)),
        ("nameserver 0x0a600001\n", (("10.96.0.1",), (), 1, 5, 2)),
        ("nameserver 10.0.0.1 10.0.0.2\n", (("10.0.0.1",), (), 1, 5, 2)),
        ("  nameserver 10.0.0.1\nnameserver 10.0.0.2\n", (("10.0.0.2",), (), 1, 5, 2)),
        ("\ufeffnameserver 10.0.0.1\nnameserver 10.0.0.2\n", (("10.0.0.2",), (), 1, 5, 2)),
        ("nameservers 10.0.0.9\nsearchdomain x\n", ((), (), 1, 5, 2)),
        ("nameserver 10.0.0.1\nsearch a.x", (("10.0.0.1",), ("a.x",), 1, 5, 2)),
        ("search a.x\nsearch   \n", ((), ("a.x",), 1, 5, 2)),
        ("search a.x\vb.x\n", ((), ("a.x\vb.x",), 1, 5, 2)),
        ("search a.x\x85b.x\n", ((), ("a.x\x85b.x",), 1, 5, 2)),
        ("search a.x\xa0b.x\n", ((), ("a.x\xa0b.x",), 1, 5, 2)),
    ],
)
def test_texts_as_glibc_reads_them(text: str, expected: tuple[object, ...]) -> None:
    resolv = parse(text)
    assert (
        resolv.nameservers,
        resolv.search,
        resolv.ndots,
        resolv.timeout,
        resolv.attempts,
    ) == expected


@pytest.mark.parametrize("last", ["search", "search\0b.x\n"])
def test_musl_wants_white_space_behind_a_keyword(last: str) -> None:
    assert parse(f"search a.x\n{last}", Libc.MUSL).search == ("a.x",)
    assert parse("search a.x\nsearch\n", Libc.MUSL).search == ()
