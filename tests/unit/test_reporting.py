import ipaddress
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.catalogue import CATALOGUE
from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.reporting import schema
from clusterdns.reporting.junit import junit_xml
from clusterdns.reporting.schema import CheckResult, Report, Run, StandIn
from clusterdns.reporting.summary import summary
from clusterdns.reporting.text import printable, shown


def result(id_: str = "resolver.ndots", outcome: Outcome = Outcome.PASSED, **more: object) -> CheckResult:
    return CheckResult.model_validate(
        {
            "id": id_,
            "case": None,
            "outcome": outcome,
            "reason": "",
            "requirement": "R.",
            "duration": 0.5,
            **more,
        }
    )


def report(*checks: CheckResult, **more: object) -> Report:
    run = Run(
        id="1a2b3c4d",
        started=datetime(2026, 1, 2, tzinfo=UTC),
        duration=1.5,
        profile="core",
        exit_code=ExitCode.FAILED,
        left_behind=("namespace clusterdns-1a2b3c4d",),
    )
    return Report.model_validate(
        {"run": run, "cluster": {"version": "v1.34.4"}, "settings": {}, "checks": checks, **more}
    )


def test_the_committed_json_schema_is_the_models() -> None:
    committed = Path(schema.__file__).with_name("report.v2.schema.json").read_text()
    assert committed == schema.json_schema()  # python -m clusterdns.reporting.schema > that file


def test_report_json_has_what_readers_rely_on() -> None:
    text = json.loads(report(result(case="musl")).json_text())
    assert text["schema"] == "clusterdns.report/v2"
    assert {"schema", "cluster", "settings", "checks"} <= set(text)
    assert {"id", "case", "outcome", "reason", "measurements"} <= set(text["checks"][0])
    assert text["run"]["exit_code"] == 1


CAUSE = {
    "id": "type-unanswered",
    "sentence": "queries of type AAAA are never answered (210 of 210)",
    "explains": ["records.reachable", "records.case[udp]"],
    "evidence": ["210 of 210"],
    "remedy": "find what drops them",
    "source": "RFC 1034",
}


def test_a_report_of_version_1_is_still_read() -> None:
    old = json.loads(report(result()).json_text()) | {"schema": "clusterdns.report/v1"}
    del old["causes"]
    assert Report.model_validate(old).causes == ()


def test_junit_has_the_causes_as_properties_of_the_suite() -> None:
    suite = ET.fromstring(junit_xml(report(result(), causes=[CAUSE]))).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    properties = {one.get("name"): one.get("value") for one in suite.iterfind("properties/property")}
    assert properties["cause.1.type-unanswered"] == CAUSE["sentence"]


def test_the_summary_begins_with_the_causes() -> None:
    failed = [
        result("records.reachable", Outcome.FAILED, reason="lost"),
        result("records.case", Outcome.FAILED, case="udp", reason="lost"),
        result("resolver.ndots", Outcome.FAILED, reason="else"),
    ]
    first, second, third, fourth, fifth, *_ = [line for line, _ in summary(report(*failed, causes=[CAUSE]))]
    assert first == "1 cause explains 2 of 3 failures"
    assert second == "  type-unanswered: queries of type AAAA are never answered (210 of 210)"
    assert third == "    explains 2: records.reachable, records.case[udp]"
    assert fourth == "    to do: find what drops them"
    assert fifth == "  not explained: resolver.ndots"


def test_nodes_that_were_not_measured_for_one_reason_are_told_in_one_line() -> None:
    nodes = [f"n{number}: is not ready" for number in range(5000)]
    whole = report().model_copy(update={"cluster": {"nodes not measured": ["a: is cordoned", *nodes]}})
    told = [line for line, _ in summary(whole) if "not measured" in line]
    assert told == [
        "node not measured: a: is cordoned",
        "nodes not measured: n0, n1, n2, n3, n4, n5 and 4,994 more: is not ready",
    ]


def test_the_summary_counts_errors_that_a_cause_explains() -> None:
    checks = [
        result("records.reachable", Outcome.FAILED, reason="lost"),
        result("latency.path", Outcome.ERROR, case="udp", reason="late"),
        result("latency.http", Outcome.ERROR, reason="gone"),
    ]
    busy = {**CAUSE, "id": "machine-busy", "explains": ["latency.path[udp]"]}
    assert next(iter(summary(report(*checks, causes=[CAUSE, busy]))))[0] == (
        "2 causes explain 1 of 1 failures and 1 of 2 errors"
    )
    assert next(iter(summary(report(*checks[1:], causes=[busy]))))[0] == "1 cause explains 1 of 2 errors"


@dataclass
class Query:
    name: str
    server: ipaddress.IPv4Address | ipaddress.IPv6Address


def test_measurements_may_hold_what_checks_have_at_hand() -> None:
    query = Query("www.example.com", ipaddress.ip_address("10.0.0.10"))
    measured = result(
        measurements={"q": [query], 1: {2, 3}, "x": float("inf"), "o": Outcome.FAILED}
    ).measurements
    assert measured == {
        "q": [{"name": "www.example.com", "server": "10.0.0.10"}],
        "1": [2, 3],
        "x": "inf",
        "o": "failed",
    }


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_survives_in_both_reports(text: str) -> None:
    one = result(outcome=Outcome.FAILED, reason=text, measurements={text: text}, evidence=(text,), case=text)
    whole = report(one, cluster={text: text}, stand_ins=[StandIn(pod=text, stands_in_for=text)])
    json.loads(whole.json_text())
    ET.fromstring(junit_xml(whole))  # noqa: S314 - we wrote it
    assert "\x1b" not in "".join(line for line, _ in summary(whole))


@given(st.text())
def test_only_unsafe_characters_are_escaped(text: str) -> None:
    safe = printable(text)
    assert printable(safe) == safe
    if text.isprintable():
        assert safe == text


def test_junit_puts_each_outcome_where_ci_systems_look() -> None:
    root = ET.fromstring(  # noqa: S314 - we wrote it
        junit_xml(
            report(
                result(),
                result(
                    outcome=Outcome.FAILED,
                    reason="bad",
                    remedy="fix",
                    evidence=("seen",),
                    measurements={"n": 3},
                ),
                result(outcome=Outcome.WARNED, reason="slow", remedy="cache"),
                result(outcome=Outcome.SKIPPED, reason="no IPv6"),
                result(outcome=Outcome.ERROR, reason="gone", case="node-1"),
                stand_ins=[StandIn(pod="kube-system/kube-dns-1", stands_in_for="kubedns")],
            )
        )
    )
    cases = root.findall("testsuite/testcase")
    assert [[child.tag for child in case] for case in cases] == [
        [],
        ["failure"],
        ["system-out"],
        ["skipped"],
        ["error"],
    ]
    suite = root.find("testsuite")
    assert suite is not None
    counts = {"tests": "5", "failures": "1", "errors": "1"}
    assert {name: root.get(name) for name in counts} == counts
    assert {name: suite.get(name) for name in (*counts, "skipped")} == {**counts, "skipped": "1"}
    assert cases[4].get("name") == "resolver.ndots[node-1]"
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.text == "bad\nremedy: fix\nrequired: R.\nn: 3\nseen"
    warning = cases[2].findtext("system-out")
    assert warning is not None
    assert warning.startswith("warning: slow")
    facts = {found.get("name"): found.get("value") for found in root.findall("testsuite/properties/property")}
    assert facts["cluster.version"] == "v1.34.4"
    assert facts["stand-in.kube-system/kube-dns-1"] == "kubedns"


# Element -> attributes that it must have, those that it may have, and elements that it may hold.
# Source: junit-10.xsd of the Jenkins xUnit plugin; "file" and "line" of a test case: GitLab's documentation.
COMPLAINT: tuple[set[str], set[str], set[str]] = (set(), {"type", "message"}, set())
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"time", "classname", "group", "file", "line"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": COMPLAINT,
    "error": COMPLAINT,
    "skipped": COMPLAINT,
    "system-out": (set(), set(), set()),
}


def test_junit_holds_to_the_schemas_that_ci_systems_publish() -> None:
    every = [result(id_, outcome, reason="r", artifacts=("a/b",)) for id_ in CATALOGUE for outcome in Outcome]
    whole = report(*every, causes=[CAUSE], stand_ins=[StandIn(pod="p", stands_in_for="x")])
    root = ET.fromstring(junit_xml(whole))  # noqa: S314 - we wrote it
    assert root.tag == "testsuites"
    for element in root.iter():
        must, may, holds = JUNIT[element.tag]
        assert must <= element.attrib.keys() <= must | may, element.tag
        assert {child.tag for child in element} <= holds, element.tag
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(every)


CLEANUP = "clusterdns cleanup --run 1a2b3c4d --kubeconfig KUBECONFIG --kube-context CONTEXT"


def test_the_summary_tells_a_common_cause_once() -> None:
    gone = "cluster is unreachable"
    lines = [
        line
        for line, _ in summary(
            report(
                result("resolver.ndots", Outcome.ERROR, reason=gone),
                result("resolver.search-list", Outcome.ERROR, reason=gone),
                result(
                    "resolver.nameserver",
                    outcome=Outcome.FAILED,
                    reason="10.0.0.1",
                    remedy="fix it",
                    evidence=list(range(22)),
                ),
                result("topology.identify"),
                stand_ins=[StandIn(pod=f"kube-system/dns-{n}", stands_in_for="kubedns") for n in (1, 2)],
            )
        )
    ]
    assert lines == [
        "resolver: 1 failed, 2 error",
        "  FAILED  resolver.nameserver",
        "      10.0.0.1",
        *(f"        {n}" for n in range(20)),
        "        and 2 lines more in the report",
        "      to do: fix it",
        "  ERROR   resolver.ndots, resolver.search-list",
        "      cluster is unreachable",
        "topology: 1 passed",
        "stand-in, not the real program: kube-system/dns-1, kube-system/dns-2: kubedns",
        f"left behind: namespace clusterdns-1a2b3c4d; remove it with: {CLEANUP}",
        "exit code 1: the cluster's DNS failed at least one check",
    ]


def test_junit_says_where_a_check_is_declared_and_what_it_left() -> None:
    whole = report(
        result("resolver.ndots", Outcome.FAILED, reason="bad", artifacts=("artifacts/x/a.txt",)),
        result("other.check"),
        settings={"report_dir": "out"},
    )
    ours, other = ET.fromstring(junit_xml(whole)).findall("testsuite/testcase")  # noqa: S314 - we wrote it
    assert ours.get("file") == "clusterdns/verdicts/resolver.py"
    assert int(ours.get("line") or 0) > 0
    assert ours.findtext("system-out") == "[[ATTACHMENT|out/artifacts/x/a.txt]]"
    assert "file" not in other.attrib
    assert other.find("system-out") is None


def test_every_check_of_the_catalogue_has_a_place() -> None:
    cases = ET.fromstring(  # noqa: S314 - we wrote it
        junit_xml(report(*map(result, CATALOGUE)))
    ).findall("testsuite/testcase")
    assert {case.get("name") for case in cases if not case.get("file")} == set()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nexit code 0: every check that ran passed", "a exit code 0: every check that ran passed"),
        ("a\r\n\tb", "a b"),
        ("\x1b[2Jb", r"\x1b[2Jb"),
        ("moc.elpmaxe\u202e", r"moc.elpmaxe\u202e"),
        ("\u2066x\u2069\u2028y", r"\u2066x\u2069\u2028y"),
        ("  ::error file=a::b", r"  \x3a:error file=a::b"),
        ("\n::stop-commands::b", r" \x3a:stop-commands::b"),
        ("a ##[error]b", r"a \x23#[error]b"),
        ("a ##vso[task.complete]b", r"a \x23#vso[task.complete]b"),
        ("::1 answers, and a::b", "::1 answers, and a::b"),
    ],
)
def test_what_comes_from_outside_stays_one_line_of_text(text: str, line: str) -> None:
    assert shown(text) == line


def test_a_warning_attaches_no_file_to_a_job() -> None:
    forged = "[[ATTACHMENT|/etc/passwd]]"
    warned = result(
        "a.a",
        Outcome.WARNED,
        reason=forged,
        evidence=[forged],
        measurements={forged: forged},
        artifacts=["b"],
    )
    text = junit_xml(report(warned)).decode()
    assert text.count("[[ATTACHMENT|") == 1
    assert "[[ATTACHMENT|b]]" in text


def test_every_text_of_a_report_is_printable() -> None:
    raw = "a\x1b[2J\u202e"
    whole = report(
        result(raw, requirement=raw, artifacts=[raw]), causes=[{**CAUSE, "id": raw, "explains": [raw]}]
    )
    assert not set("\x1b\u202e") & set(str(whole) + junit_xml(whole).decode())


def test_a_message_of_megabytes_is_cut() -> None:
    line = shown("x" * 3_000_000)
    assert len(line) < 2100
    assert line.endswith("... (3,000,000 characters)")
