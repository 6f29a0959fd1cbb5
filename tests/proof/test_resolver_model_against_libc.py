"""The resolver model against real glibc and musl, query by query. Needs root, cc and musl-gcc."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterdns.formats.resolvconf import parse
from clusterdns.model.resolver import Libc, Question, Reply, expected_queries, search_candidates
from tests.proof.loopback_resolver import MALFORMED, Loopback

SOURCE = Path(__file__).parents[2] / "images" / "probe" / "getaddrinfo.c"
COMPILERS = {Libc.GLIBC: ["cc"], Libc.MUSL: ["musl-gcc", "-static"]}
FAMILIES = {"inet": ("A",), "inet6": ("AAAA",), "unspec": ("A", "AAAA")}

VANILLA = "ns.svc.cluster.local svc.cluster.local cluster.local"
GKE = f"{VANILLA} europe-west1-b.c.project.internal c.project.internal google.internal"

NAMES_IN_A_CLUSTER = [
    *("web", "web.ns", "web.ns.svc", "web.ns.svc.cluster.local", "web.ns.svc.cluster.local."),
    *("www.example.com", "www.example.com.", "WWW.Example.com", "a.b.c.d.e.example", "nowhere", "nowhere."),
]
NOTHING: dict[str, str] = {}
Seen = Callable[..., tuple[Question, ...]]


def resolv_conf(search: str, ndots: int = 5) -> str:
    # The shortest time-out, as musl waits it out after SERVFAIL.
    return f"nameserver 127.0.0.1\nsearch {search}\noptions ndots:{ndots} timeout:1 attempts:1\n"


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with Loopback() as surroundings:
        yield surroundings


@pytest.fixture(scope="module")
def seen(loopback: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Makes one lookup and returns the queries that the server saw, without those that repeat a message."""
    folder = tmp_path_factory.mktemp("getaddrinfo")
    for libc, compiler in COMPILERS.items():
        subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", "-o", folder / libc, SOURCE], check=True)

    def look_up(
        name: str, family: str, libc: Libc, conf: str, zone: Mapping[str, str]
    ) -> tuple[Question, ...]:
        queries = loopback.run([str(folder / libc), name, family], conf, zone)["queries"]
        # A message that is sent again keeps its port and its id. Two messages may share an id by chance.
        once = dict.fromkeys(tuple(query) for query in queries)
        return tuple(Question(name, rtype) for _, _, name, rtype in once if rtype != MALFORMED)

    return look_up


def model(name: str, family: str, libc: Libc, conf: str, zone: Mapping[str, str]) -> tuple[Question, ...]:
    def reply(question: Question) -> Reply:
        return Reply(zone.get(f"{question.name}/{question.rtype}", Reply.NXDOMAIN))

    return expected_queries(name, FAMILIES[family], parse(conf, libc), libc, reply)


LIBCS = pytest.mark.parametrize("libc", Libc)


@LIBCS
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("search", [VANILLA, GKE])
@pytest.mark.parametrize("ndots", [0, 1, 2, 5, 15, 20])
def test_names_in_a_cluster(seen: Seen, family: str, libc: Libc, search: str, ndots: int) -> None:
    zone = {
        "web.ns.svc.cluster.local/A": "ANSWER",
        "web.ns.svc.cluster.local/AAAA": "NODATA",
        "www.example.com/A": "ANSWER",
        "www.example.com/AAAA": "ANSWER",
    }
    for name in NAMES_IN_A_CLUSTER:
        lookup = (name, family, libc, resolv_conf(search, ndots), zone)
        assert seen(*lookup) == model(*lookup), name


@LIBCS
@pytest.mark.parametrize(("a", "aaaa"), list(product(Reply, Reply)))
@pytest.mark.parametrize("ndots", [1, 5])
def test_every_pair_of_replies(seen: Seen, a: Reply, aaaa: Reply, ndots: int, libc: Libc) -> None:
    first = "w.e.x" if ndots > 1 else "w.e"
    lookup = ("w.e", "unspec", libc, resolv_conf("x y", ndots), {f"{first}/A": a, f"{first}/AAAA": aaaa})
    assert seen(*lookup) == model(*lookup)


@LIBCS
@pytest.mark.parametrize("reply", Reply)
@pytest.mark.parametrize("family", ["inet", "inet6"])
def test_every_reply(seen: Seen, reply: Reply, family: str, libc: Libc) -> None:
    lookup = ("w", family, libc, resolv_conf("x y"), {"w.x/A": reply, "w.x/AAAA": reply})
    assert seen(*lookup) == model(*lookup)


LABELS = st.sampled_from(["a", "b", "c"])
NAMES = st.lists(LABELS, min_size=1, max_size=6).map(".".join)
SEARCHES = st.lists(NAMES | st.just("a.b."), max_size=5).map(" ".join)
LOOKUPS = st.tuples(
    NAMES | NAMES.map(lambda name: f"{name}."), st.sampled_from(list(FAMILIES)), st.sampled_from(Libc)
)
# SERVFAIL costs musl a second each; test_every_pair_of_replies has it.
REPLIES = st.lists(st.sampled_from([Reply.NODATA, Reply.NXDOMAIN, Reply.NXDOMAIN, Reply.ANSWER]), max_size=12)


@given(LOOKUPS, SEARCHES, st.integers(0, 7), REPLIES)
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_any_lookup(
    seen: Seen, lookup: tuple[str, str, Libc], search: str, ndots: int, replies: list[Reply]
) -> None:
    name, family, libc = lookup
    conf = resolv_conf(search, ndots)
    asked = [
        f"{candidate}/{rtype}"
        for candidate in search_candidates(name, parse(conf), libc)
        for rtype in FAMILIES[family]
    ]
    zone = dict(zip(asked, replies, strict=False))
    assert seen(name, family, libc, conf, zone) == model(name, family, libc, conf, zone)


@LIBCS
@pytest.mark.parametrize("search", [".", "x . y", ". x", "x x y", "x. y", "y" * 64 + " x", f"x {'y' * 64} z"])
@pytest.mark.parametrize("ndots", [1, 5])
def test_odd_search_lists(seen: Seen, search: str, ndots: int, libc: Libc) -> None:
    lookup = ("w.e", "inet", libc, resolv_conf(search, ndots), NOTHING)
    assert seen(*lookup) == model(*lookup)


@LIBCS
@pytest.mark.parametrize("length", range(250, 260))
def test_names_of_any_length(seen: Seen, length: int, libc: Libc) -> None:
    name = ".".join(["n" * 60] * 3 + ["n" * 40])
    lookup = (name, "inet", libc, resolv_conf(f"{'y' * (length - len(name) - 3)}.x b.x"), NOTHING)
    assert seen(*lookup) == model(*lookup)


@LIBCS
@pytest.mark.parametrize("extra", range(5))
def test_search_lines_of_any_length(seen: Seen, extra: int, libc: Libc) -> None:
    search = " ".join(["d" * 40] * 6 + ["x" * extra]) if extra else " ".join(["d" * 40] * 6)
    lookup = ("w", "inet", libc, resolv_conf(search), NOTHING)
    assert seen(*lookup) == model(*lookup)


@LIBCS
@pytest.mark.parametrize("name", ["", "a..b", ".a", "a..", "n" * 64, "a." * 127 + "a"])
def test_what_is_no_host_name_is_not_asked_for(seen: Seen, name: str, libc: Libc) -> None:
    assert seen(name, "inet", libc, resolv_conf("x"), NOTHING) == ()


@LIBCS
@pytest.mark.parametrize(
    "text",
    [
        "search a.x\nsearch b.x\n",
        "search a.x\ndomain b.x\n",
        "domain b.x\nsearch a.x\n",
        "search\ta.x\tb.x\n",
        " search a.x\n",
        "# search a.x\n; search b.x\n",
        "search a.x ; b.x\n",
        "options ndots:2\nsearch a.x\noptions timeout:1\n",
        "search a.x\noptions ndots:2\noptions ndots:1\n",
        "search a.x\noptions ndots:3x\n",
        "search a.x\noptions ndots:x\n",
    ],
)
def test_resolv_conf_is_read_alike(seen: Seen, text: str, libc: Libc) -> None:
    conf = f"nameserver 127.0.0.1\n{text}"
    queries = seen("w.e", "inet", libc, conf, {})
    # What the file holds of punctuation the server writes as in master files.
    assert tuple(Question(query.name.replace("\\;", ";"), "A") for query in queries) == model(
        "w.e", "inet", libc, conf, {}
    )


BLANKS = st.text("\t ", min_size=1, max_size=2)
WORDS = st.sampled_from(
    ["a.x", "b.x", "c.x.", "#", ";", "ndots:0", "ndots:2", "ndots:+2", "ndots:", "2", "rotate"]
)
KEYWORDS = st.sampled_from(
    ["search", "search", "domain", "options", "options", " search", "#search", "searches"]
)
LINES = st.builds(
    lambda keyword, blanks, words, end: (
        keyword + "".join(map("".join, zip(blanks, words, strict=False))) + end
    ),
    KEYWORDS,
    st.lists(BLANKS, min_size=3, max_size=3),
    st.lists(WORDS, max_size=3),
    st.sampled_from(["", "", " ", "\t"]),
)


@given(
    st.lists(LINES, max_size=4),
    st.sampled_from(["", "\n"]),
    st.sampled_from(["w", "w.e", "w.e.f"]),
    st.sampled_from(Libc),
)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_any_resolv_conf_is_read_alike(
    seen: Seen,
    lines: list[str],
    end: str,
    name: str,
    libc: Libc,
) -> None:
    text = "\n".join(["nameserver 127.0.0.1", "options timeout:1 attempts:1", *lines]) + end
    queries = seen(name, "inet", libc, text, NOTHING)
    # What the file holds of punctuation the server writes as in master files.
    unescaped = tuple(Question(query.name.replace("\\;", ";"), "A") for query in queries)
    assert unescaped == model(name, "inet", libc, text, NOTHING)
