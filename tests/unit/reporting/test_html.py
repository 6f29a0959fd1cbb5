"""report.html: valid, self-contained, escaped, and it says what the report says."""

from dataclasses import asdict
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from clusterdns.model.load_figures import (
    LatencyLimits,
    LoadFigures,
    LoadInterval,
    PathLatency,
    Percentiles,
)
from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.model.saturation import ServerTimeline, TcpWorkers
from clusterdns.reporting.html import html
from clusterdns.reporting.schema import Cause, CheckResult, Report, Run, StandIn

VOID = {"meta", "br"}
HOSTILE = "</pre><script>alert('x')</script>\"' onload=\"y\" &amp; \x1b[31m"
TIMELINE = [
    LoadInterval(0.0, 60, 0, 0, 2.0, 5.0),
    LoadInterval(0.2, 60, 3, 2, 900.0, 5000.0),
]


class Page(HTMLParser):
    """Reads a page strictly: every element is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def check(id_: str, outcome: Outcome, **more: Any) -> CheckResult:
    values = {"case": None, "reason": "", "requirement": "R.", "duration": 0.1, **more}
    return CheckResult(id=id_, outcome=outcome, **values)


def figures(to: str) -> LoadFigures:
    return LoadFigures(
        plan="bursts",
        to=to,
        destination=f"Service {to} (10.96.0.10)",
        sent=3600,
        lost=3,
        refused=2,
        rcodes={"NXDOMAIN": 3597},
        latency=Percentiles(2.0, 3.0, 4100.0, None, 5000.0),
        send_to_receive=Percentiles(2.0, None, None, None, 4000.0),
        lag_p99_ms=2.1,
        late=0,
        duplicates=0,
        strays=0,
        socket_failures={},
        connections=0,
    )


def load(to: str, outcome: Outcome) -> CheckResult:
    measurements = asdict(PathLatency(figures(to), LatencyLimits(20.0, 100.0, 0.1), TIMELINE))
    return check(
        "latency.path",
        outcome,
        case=f"{to}-udp-bursts",
        reason="slow",
        remedy="mend",
        measurements=measurements,
    )


WATCHED = check(
    "saturation.tcp-workers",
    Outcome.FAILED,
    case="bursts",
    reason="20 of 20",
    remedy="mend",
    measurements=asdict(
        TcpWorkers(
            scenario="bursts",
            load=figures("kube-dns"),
            limits={"kube-system/a": 20},
            peaks={"kube-system/a": 20},
            watch_cpu_share={"kube-system/a": 0.01},
            timelines={"kube-system/a": ServerTimeline([0.0, 0.1], [0, 20], [0, 33])},
            processes={},
            processes_not_read="",
        )
    ),
)
CHECKS = (
    check("resolver.ndots", Outcome.PASSED, measurements={"seen": {"node-1": 5}}),
    check("topology.autoscaler", Outcome.SKIPPED, reason="no autoscaler: none"),
    check("topology.negative-cache", Outcome.WARNED, reason="no layer caches", remedy="cache"),
    check("latency.schedule", Outcome.ERROR, case="udp-bursts", reason="late by 7 ms"),
    check(
        "resolver.search-list",
        Outcome.FAILED,
        reason=HOSTILE,
        remedy=HOSTILE,
        evidence=(HOSTILE,),
        measurements={HOSTILE: [HOSTILE]},
    ),
    load("kube-dns", Outcome.FAILED),
    load("dns-pod", Outcome.PASSED),
    WATCHED,
)


def report(*checks: CheckResult, code: ExitCode = ExitCode.FAILED) -> Report:
    run = Run(
        id="1a2b3c4d",
        started=datetime(2026, 1, 2, tzinfo=UTC),
        duration=1.5,
        profile="load",
        exit_code=code,
        left_behind=(HOSTILE,),
    )
    return Report(
        run=run,
        cluster={"version": "v1.34.4", "dns": ["CoreDNS", HOSTILE], "description": HOSTILE},
        settings={"profile": "load", "external_name": HOSTILE},
        stand_ins=(StandIn(pod="kube-system/x", stands_in_for=HOSTILE),),
        causes=tuple(
            Cause(
                id="type-unanswered",
                sentence=f"queries of type AAAA are never answered {HOSTILE}",
                explains=(result.name,),
                evidence=(HOSTILE,),
                remedy="find what drops them",
                source="RFC 1034",
            )
            for result in checks
            if result.id == "resolver.search-list"
        ),
        checks=checks,
    )


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(report(*CHECKS)))


def test_it_needs_nothing_besides_and_runs_no_script(page: Page) -> None:
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    policy = next(attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert "url(" not in html(report(*CHECKS))
    assert "@import" not in html(report(*CHECKS))


def test_links_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    assert links <= {f"#{one}" for one in ids}
    assert "#latency" in links


def test_every_outcome_is_told_with_reason_and_remedy(page: Page) -> None:
    for words in (
        "the cluster's DNS failed at least one check (exit code 1)",
        "no layer caches",
        "to do: cache",
        "late by 7 ms",
        "no autoscaler: none",
        "Stand-ins, not the real programs",
        "latency.path[kube-dns-udp-bursts]",
        "dns-pod: Service dns-pod (10.96.0.10)",
        "4,100.00",
        "too few",
    ):
        assert words in page.text, words


def test_lines_of_text_are_a_list() -> None:
    deviations = ["no dns-version record (kube-dns)", "<b>"]
    text = html(report(check("records.dns-version", Outcome.PASSED, measurements={"deviations": deviations})))
    assert f"<ul><li>{deviations[0]}</li><li>&lt;b&gt;</li></ul>" in text


def test_causes_come_before_what_they_explain(page: Page) -> None:
    text = page.text
    assert "1 cause explains 1 of 3 failures" in text
    assert text.index("queries of type AAAA are never answered") < text.index("to do: cache")
    under, unexplained = text.index("explains 1"), text.index("What no cause explains")
    assert under < text.index("resolver.search-list") < unexplained
    others = text.index("What else to look at")
    assert unexplained < text.index("latency.path[kube-dns-udp-bursts]") < others
    assert unexplained < text.index("saturation.tcp-workers[bursts]") < others < text.index("to do: cache")


def test_what_two_causes_explain_is_shown_once() -> None:
    failed = report(check("resolver.search-list", Outcome.FAILED))
    text = Page(html(failed.model_copy(update={"causes": failed.causes * 2}))).text
    causes = text[text.index("2 causes explain 1 of 1") : text.index("resolver 1 failed")]
    assert causes.count("failed resolver.search-list") == 1
    assert causes.count("shown above: resolver.search-list") == 1


def test_without_a_cause_every_complaint_is_under_one_heading() -> None:
    text = Page(html(report(load("kube-dns", Outcome.FAILED), CHECKS[2]))).text
    assert "What no cause explains" not in text
    assert text.index("What to look at failed latency.path") < text.index("warned topology.negative-cache")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "none"),
        ([], "none"),
        ({}, "none"),
        (True, "yes"),
        (0, "0"),
        (1 / 3, "0.333333"),
        (["node-1", "node-2"], "node-1, node-2"),
        ({"value": 20, "source": "dnsmasq", "assumed": False}, "20 (dnsmasq)"),
        ({"value": 20, "source": "dnsmasq", "assumed": True}, "20 (assumed: dnsmasq)"),
        ({"node-1": "b"}, "<dl><dt>node-1</dt><dd>b</dd></dl>"),
        (
            [{"a": {"<b>": [1]}}],
            "<ul><li><dl><dt>a</dt><dd><dl><dt>&lt;b&gt;</dt><dd>1</dd></dl></dd></dl></li></ul>",
        ),
        ("a\nb", "<pre>a\nb</pre>"),
    ],
)
def test_a_measurement_is_told_in_words(value: object, told: str) -> None:
    text = html(report(check("a.b", Outcome.PASSED, measurements={"fact": value})))
    assert f"<dt>fact</dt><dd>{told}</dd>" in text


def test_measurements_that_are_alike_are_a_table() -> None:
    rows = {"<udp>": {"p50": 1.5, "p99": None}, "tcp": {"p50": 2, "p99": True}}
    text = html(
        report(check("a.b", Outcome.PASSED, measurements={"by_path": rows, "list": list(rows.values())}))
    )
    head = "<th>p50</th><th>p99</th></tr></thead>"
    assert text.count(head) == 2
    assert "<tr><th>&lt;udp&gt;</th><td>1.5</td><td>none</td></tr>" in "".join(text.splitlines())
    assert "<tr><td>2</td><td>yes</td></tr>" in "".join(text.splitlines())


def test_long_facts_do_not_stand_above_what_is_wrong() -> None:
    deviations = [f"deviation {number}" for number in range(14)]
    facts = {"documented deviations": deviations, "version": "v1.34.4"}
    text = Page(html(report(*CHECKS).model_copy(update={"cluster": facts}))).text
    assert "documented deviations 14, see below version v1.34.4" in text
    assert text.index("What no cause explains") < text.index("deviation 0 deviation 1 ")


def test_of_very_many_items_the_first_are_shown() -> None:
    values = [f"line {number} of many" for number in range(5000)]
    text = html(report(check("a.b", Outcome.PASSED, measurements={"lines": values})))
    assert "line 199 of" in text
    assert "line 200 of" not in text
    assert "and 4800 more: see report.json" in text


def test_the_stall_and_the_saturation_are_drawn(page: Page) -> None:
    titles = [attributes["aria-label"] or "" for tag, attributes in page.elements if tag == "svg"]
    assert titles == [
        "Worst latency from each moment's queries: udp-bursts",
        "TCP children of dnsmasq: bursts",
        "Connections that wait for a child: bursts",
    ]


def test_a_report_of_nothing_is_a_page_too() -> None:
    page = Page(html(report(code=ExitCode.NOTHING_MEASURED)))
    assert "nothing was measured" in page.text
    assert not [tag for tag, _ in page.elements if tag == "svg"]
