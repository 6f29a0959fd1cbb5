"""The resolver's arithmetic against documented and observed cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.resolver import (
    Libc,
    Question,
    Reply,
    ResolvConf,
    expected_queries,
    search_candidates,
)

VANILLA = ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local")
GKE = (*VANILLA, "europe-west1-b.c.project.internal", "c.project.internal", "google.internal")


def conf(*search: str, ndots: int | None = 5) -> ResolvConf:
    return ResolvConf(("10.0.0.10",), search, () if ndots is None else (("ndots", str(ndots)),))


def nothing_exists(_: Question) -> Reply:
    return Reply.NXDOMAIN


def lookups_per_name(name: str, conf: ResolvConf, libc: Libc) -> int:
    """Count the queries per address family until the absolute name is asked for; all where it never is."""
    candidates = search_candidates(name, conf, libc)
    absolute = name.lower().removesuffix(".")
    return candidates.index(absolute) + 1 if absolute in candidates else len(candidates)


class TestExternalName:
    """The incident's own figures."""

    @pytest.mark.parametrize("libc", Libc)
    def test_costs_seven_lookups_on_gke(self, libc: Libc) -> None:
        assert search_candidates("api.signicat.com", conf(*GKE), libc) == (
            "api.signicat.com.ns.svc.cluster.local",
            "api.signicat.com.svc.cluster.local",
            "api.signicat.com.cluster.local",
            "api.signicat.com.europe-west1-b.c.project.internal",
            "api.signicat.com.c.project.internal",
            "api.signicat.com.google.internal",
            "api.signicat.com",
        )
        assert lookups_per_name("api.signicat.com", conf(*GKE), libc) == 7

    @pytest.mark.parametrize("libc", Libc)
    def test_costs_fourteen_queries_for_both_families_back_to_back(self, libc: Libc) -> None:
        def zone(question: Question) -> Reply:
            return Reply.ANSWER if question.name == "api.signicat.com" else Reply.NXDOMAIN

        queries = expected_queries("api.signicat.com", ("A", "AAAA"), conf(*GKE), libc, zone)

        assert len(queries) == 14
        assert [query.rtype for query in queries] == ["A", "AAAA"] * 7
        assert [query.name for query in queries[::2]] == [query.name for query in queries[1::2]]

    @pytest.mark.parametrize("libc", Libc)
    @pytest.mark.parametrize(
        ("name", "ndots", "search", "count"),
        [
            ("api.signicat.com", 5, VANILLA, 4),
            ("api.signicat.com.", 5, GKE, 1),
            ("api.signicat.com", 1, GKE, 1),
            ("api.signicat.com", 2, GKE, 1),
            ("api.signicat.com", 3, GKE, 7),
            ("a.b.c.d.e.example", 5, GKE, 1),
            ("api.signicat.com", 5, (), 1),
            ("localdomain", 0, GKE, 1),
        ],
    )
    def test_count(self, name: str, ndots: int, search: tuple[str, ...], count: int, libc: Libc) -> None:
        assert lookups_per_name(name, conf(*search, ndots=ndots), libc) == count


class TestServiceName:
    """A Service `web` in namespace `ns` of the pod, or `other` in another namespace."""

    EXISTING = frozenset({"web.ns.svc.cluster.local", "other.far.svc.cluster.local"})

    def zone(self, question: Question) -> Reply:
        if question.name not in self.EXISTING:
            return Reply.NXDOMAIN
        return Reply.ANSWER if question.rtype == "A" else Reply.NODATA

    @pytest.mark.parametrize("libc", Libc)
    @pytest.mark.parametrize(
        ("name", "names"),
        [
            ("web", ["web.ns.svc.cluster.local"]),
            ("web.ns", ["web.ns.ns.svc.cluster.local", "web.ns.svc.cluster.local"]),
            ("other.far", ["other.far.ns.svc.cluster.local", "other.far.svc.cluster.local"]),
            (
                "web.ns.svc",
                [
                    "web.ns.svc.ns.svc.cluster.local",
                    "web.ns.svc.svc.cluster.local",
                    "web.ns.svc.cluster.local",
                ],
            ),
            (
                "web.ns.svc.cluster.local",
                [f"web.ns.svc.cluster.local.{suffix}" for suffix in GKE] + ["web.ns.svc.cluster.local"],
            ),
            ("web.ns.svc.cluster.local.", ["web.ns.svc.cluster.local"]),
        ],
    )
    @pytest.mark.parametrize("families", [("A",), ("A", "AAAA")])
    def test_ends_at_the_service(
        self, name: str, names: list[str], families: tuple[str, ...], libc: Libc
    ) -> None:
        queries = expected_queries(name, families, conf(*GKE), libc, self.zone)

        assert queries == tuple(Question(each, family) for each in names for family in families)

    @pytest.mark.parametrize("libc", Libc)
    def test_unknown_name_is_tried_everywhere(self, libc: Libc) -> None:
        queries = expected_queries("nowhere", ("A",), conf(*GKE), libc, nothing_exists)

        assert [query.name for query in queries] == [f"nowhere.{suffix}" for suffix in GKE] + ["nowhere"]


class TestManyDots:
    """With at least ndots dots the libraries part ways."""

    def test_glibc_falls_back_to_the_search_list(self) -> None:
        assert search_candidates("a.b.c.d.e.f", conf("x", "y"), Libc.GLIBC) == (
            "a.b.c.d.e.f",
            "a.b.c.d.e.f.x",
            "a.b.c.d.e.f.y",
        )

    def test_musl_never_does(self) -> None:
        assert search_candidates("a.b.c.d.e.f", conf("x", "y"), Libc.MUSL) == ("a.b.c.d.e.f",)

    def test_ndots_is_capped(self) -> None:
        name = ".".join("abcdefghijklmnop")
        for libc in Libc:
            assert search_candidates(name, conf("x", ndots=99), libc)[0] == name


class TestReplies:
    """What a first candidate's replies mean; each row was seen on the wire."""

    @pytest.mark.parametrize("reply", [Reply.NODATA, Reply.NXDOMAIN, Reply.SERVFAIL])
    @pytest.mark.parametrize("other", [Reply.NODATA, Reply.NXDOMAIN, Reply.SERVFAIL])
    def test_glibc_goes_on_unless_one_family_answers(self, reply: Reply, other: Reply) -> None:
        assert self.count(Libc.GLIBC, reply, other) == 6
        assert self.count(Libc.GLIBC, reply, Reply.ANSWER) == 2
        assert self.count(Libc.GLIBC, Reply.ANSWER, other) == 2

    @pytest.mark.parametrize(
        ("a", "aaaa", "goes_on"),
        [
            (Reply.ANSWER, Reply.NODATA, False),
            (Reply.ANSWER, Reply.NXDOMAIN, True),
            (Reply.ANSWER, Reply.SERVFAIL, False),
            (Reply.NODATA, Reply.NODATA, False),
            (Reply.NODATA, Reply.NXDOMAIN, True),
            (Reply.NODATA, Reply.SERVFAIL, False),
            (Reply.NXDOMAIN, Reply.ANSWER, True),
            (Reply.NXDOMAIN, Reply.SERVFAIL, True),
            (Reply.SERVFAIL, Reply.NXDOMAIN, False),
            (Reply.SERVFAIL, Reply.ANSWER, False),
        ],
    )
    def test_musl_takes_the_first_reply_that_decides(self, a: Reply, aaaa: Reply, *, goes_on: bool) -> None:
        assert self.count(Libc.MUSL, a, aaaa) == (6 if goes_on else 2)

    @staticmethod
    def count(libc: Libc, a: Reply, aaaa: Reply) -> int:
        zone = {Question("w.x", "A"): a, Question("w.x", "AAAA"): aaaa}
        queries = expected_queries(
            "w", ("A", "AAAA"), conf("x", "y"), libc, lambda question: zone.get(question, Reply.NXDOMAIN)
        )
        return len(queries)


class TestOddities:
    """Search lists as nobody should have them."""

    def test_root_on_the_list_is_where_glibc_tries_the_name_as_is(self) -> None:
        assert search_candidates("w.e", conf("x", ".", "y"), Libc.GLIBC) == ("w.e.x", "w.e", "w.e.y")
        assert search_candidates("w.e", conf(".", "x", ndots=1), Libc.GLIBC) == ("w.e", "w.e", "w.e.x")

    def test_root_on_the_list_ends_musl(self) -> None:
        assert search_candidates("w.e", conf("x", ".", "y"), Libc.MUSL) == ("w.e.x",)
        assert lookups_per_name("w.e", conf("x", ".", "y"), Libc.MUSL) == 1

    @pytest.mark.parametrize("libc", Libc)
    def test_twice_on_the_list_is_asked_twice(self, libc: Libc) -> None:
        assert search_candidates("w", conf("x", "x"), libc) == ("w.x", "w.x", "w")

    def test_musl_ignores_a_long_search_line(self) -> None:
        domains = ["d" * 40] * 6
        assert len(f"search {' '.join(domains)} x\n") == 255
        assert len(search_candidates("w", conf(*domains, "x"), Libc.MUSL)) == 8
        assert len(search_candidates("w", conf(*domains, "xx"), Libc.MUSL)) == 1
        assert len(search_candidates("w", conf(*domains, "xx"), Libc.GLIBC)) == 8

    @pytest.mark.parametrize(
        ("length", "glibc", "musl"), [(253, 3, 3), (254, 1, 0), (255, 1, 0), (256, 1, 2), (257, 1, 2)]
    )
    def test_candidates_too_long_for_a_message(self, length: int, glibc: int, musl: int) -> None:
        name = ".".join(["n" * 60] * 3 + ["n" * 40])
        search = ("y" * (length - len(name) - 3) + ".x", "b.x")

        assert len(search_candidates(name, conf(*search), Libc.GLIBC)) == glibc
        assert len(search_candidates(name, conf(*search), Libc.MUSL)) == musl

    @pytest.mark.parametrize("libc", Libc)
    @pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "a..", "n" * 64, "a." * 127 + "a"])
    def test_what_is_no_host_name_is_refused(self, name: str, libc: Libc) -> None:
        with pytest.raises(ValueError, match="not a host name"):
            search_candidates(name, conf("x"), libc)


class TestResolvConf:
    def test_defaults_are_those_of_the_manual(self) -> None:
        empty = ResolvConf()
        assert (empty.ndots, empty.timeout, empty.attempts) == (1, 5, 2)

    def test_caps_are_those_of_the_manual(self) -> None:
        wild = ResolvConf(options=(("ndots", "16"), ("timeout", "31"), ("attempts", "6")))
        assert (wild.ndots, wild.timeout, wild.attempts) == (15, 30, 5)

    @pytest.mark.parametrize(("value", "ndots"), [("5x", 5), ("x", 0), (None, 0), ("-1", 15)])
    def test_numbers_are_read_as_atoi_does(self, value: str | None, ndots: int) -> None:
        assert ResolvConf(options=(("ndots", value),)).ndots == ndots

    def test_the_order_of_options_does_not_matter_but_the_last_wins(self) -> None:
        one = ResolvConf(options=(("ndots", "5"), ("edns0", None), ("ndots", "2")))
        other = ResolvConf(options=(("edns0", None), ("ndots", "2")))
        assert one == other
        assert hash(one) == hash(other)
        assert one.ndots == 2


LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=7).map(".".join)
SEARCHES = st.lists(NAMES, max_size=3, unique=True)
CONFS = st.builds(lambda search, ndots: conf(*search, ndots=ndots), SEARCHES, st.integers(0, 20))
LIBCS = st.sampled_from(Libc)
FAMILIES = st.sampled_from([("A",), ("AAAA",), ("A", "AAAA")])


@st.composite
def zones(draw: st.DrawFn) -> dict[Question, Reply]:
    return draw(
        st.dictionaries(
            st.builds(Question, NAMES, st.sampled_from(["A", "AAAA"])), st.sampled_from(Reply), max_size=5
        )
    )


@given(NAMES, CONFS, LIBCS)
def test_a_trailing_dot_costs_one_lookup(name: str, resolv: ResolvConf, libc: Libc) -> None:
    assert search_candidates(f"{name}.", resolv, libc) == (name,)


@given(NAMES, CONFS)
def test_glibc_tries_every_suffix_once_and_the_name_itself(name: str, resolv: ResolvConf) -> None:
    candidates = search_candidates(name, resolv, Libc.GLIBC)
    suffixed = tuple(candidate for candidate in candidates if candidate != name)
    assert suffixed == tuple(f"{name}.{suffix}" for suffix in resolv.search)
    assert name in {candidates[0], candidates[-1]}
    assert (candidates[0] == name) == (name.count(".") >= resolv.ndots or not resolv.search)


@given(NAMES, CONFS)
def test_musl_asks_nothing_that_glibc_would_not(name: str, resolv: ResolvConf) -> None:
    musl = search_candidates(name, resolv, Libc.MUSL)
    glibc = search_candidates(name, resolv, Libc.GLIBC)
    assert musl == glibc[: len(musl)]


@given(NAMES, FAMILIES, CONFS, LIBCS, zones())
def test_queries_are_a_prefix_of_the_candidates(
    name: str,
    families: tuple[str, ...],
    resolv: ResolvConf,
    libc: Libc,
    zone: dict[Question, Reply],
) -> None:
    queries = expected_queries(name, families, resolv, libc, lambda q: zone.get(q, Reply.NXDOMAIN))
    every = expected_queries(name, families, resolv, libc, nothing_exists)
    assert len(queries) % len(families) == 0
    assert queries
    assert queries == every[: len(queries)]


@given(NAMES, CONFS, LIBCS)
def test_case_does_not_matter(name: str, resolv: ResolvConf, libc: Libc) -> None:
    assert search_candidates(name.upper(), resolv, libc) == search_candidates(name, resolv, libc)


@given(NAMES, CONFS, LIBCS)
def test_the_name_itself_is_within_its_count(name: str, resolv: ResolvConf, libc: Libc) -> None:
    count = lookups_per_name(name, resolv, libc)
    assert search_candidates(name, resolv, libc)[count - 1] == name
    assert 1 <= count <= len(resolv.search) + 1
