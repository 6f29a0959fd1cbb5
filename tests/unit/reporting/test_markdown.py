from __future__ import annotations

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.reporting.compare import compare
from clusterdns.reporting.markdown import github_annotations, markdown
from tests.unit.test_reporting import CAUSE, report, result


def test_complaints_are_a_table_worst_first_and_nothing_in_it_is_markup() -> None:
    text = markdown(
        report(
            result("a.warned", Outcome.WARNED, reason="slow"),
            result("a.passed"),
            result("a.failed", Outcome.FAILED, reason="<img src=x>|`\nnext", remedy="fix"),
        )
    )
    rows = [line for line in text.splitlines() if line.startswith("| a.")]
    assert rows == [
        "| a.failed | failed | &lt;img src=x>\\|\\` next | fix |",
        "| a.warned | warned | slow |  |",
    ]
    assert "1 passed, 1 failed, 1 warned; exit code 1" in text


@pytest.mark.parametrize(
    ("reason", "cell"),
    [
        (r"a\|b", r"a\\\|b"),
        ("a\\", "a\\\\"),
        ("![a](http://b)", r"![a]\(http://b)"),
        ("a[udp] (b)", "a[udp] (b)"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_nothing_ends_a_cell_or_begins_a_link(reason: str, cell: str) -> None:
    text = markdown(report(result("a.a", Outcome.FAILED, reason=reason)))
    assert f"| a.a | failed | {cell} |  |\n" in text


def test_messages_of_megabytes_fit_into_a_summary_and_an_annotation() -> None:
    """GitHub drops a summary of more than 1 MiB."""
    long = "x" * 3_000_000
    huge = report(
        *(result(f"a.n{n}", Outcome.FAILED, reason=long, remedy=long, case=long) for n in range(100))
    )
    assert len(markdown(huge)) < 1 << 20
    assert max(map(len, github_annotations(huge))) < 1 << 14


def test_causes_come_before_the_complaints() -> None:
    lost = result("records.reachable", Outcome.FAILED, reason="lost")
    lines = markdown(report(lost, causes=[CAUSE])).splitlines()
    cause = lines.index(
        "| type-unanswered | queries of type AAAA are never answered (210 of 210) "
        "| records.reachable, records.case[udp] | find what drops them |"
    )
    assert lines[cause - 4] == "1 cause explains 1 of 1 failures:"
    assert cause < lines.index("| records.reachable | failed | lost |  |")
    assert "cause" not in markdown(report(lost))


def test_what_is_left_out_of_a_long_table_is_counted() -> None:
    failures = [result(f"a.n{index}", Outcome.FAILED, reason="bad") for index in range(103)]
    assert "3 more are in report.html." in markdown(report(*failures))


def test_a_comparison_follows() -> None:
    old, new = report(result("a.a")), report(result("a.a", Outcome.FAILED, reason="bad"))
    text = markdown(new, compare(old, new, ratio=2, floor_ms=10))
    assert "## Cluster DNS: worse" in text
    assert "| a.a | passed | failed |" in text


def test_annotations_cannot_end_their_command() -> None:
    lines = list(
        github_annotations(
            report(
                result("a.a", Outcome.FAILED, reason="100 %\n::warning::x", case="b:c,d"),
                result("a.b", Outcome.WARNED, reason="slow", remedy="cache"),
                result("a.c"),
                result("a.d", Outcome.SKIPPED, reason="no IPv6"),
            )
        )
    )
    assert lines == [
        "::error title=a.a[b%3Ac%2Cd]::100 %25%0A::warning::x",
        "::warning title=a.b::slow%0Ato do: cache",
    ]
