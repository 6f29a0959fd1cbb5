from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusterdns.cli import main
from clusterdns.errors import UsageError
from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.reporting.compare import Comparison, compare
from clusterdns.reporting.comparison_text import text_lines
from clusterdns.reporting.reading import read_report
from clusterdns.reporting.schema import CheckResult, Report, Run

if TYPE_CHECKING:
    from collections.abc import Mapping


def result(
    id_: str, outcome: str = "passed", measurements: Mapping[str, object] | None = None
) -> CheckResult:
    return CheckResult(
        id=id_,
        case=None,
        outcome=Outcome(outcome),
        reason="",
        requirement="R.",
        duration=1,
        measurements=measurements or {},
    )


def report(*checks: CheckResult, **more: object) -> Report:
    run = Run(
        id="r", started=datetime(2026, 1, 2, tzinfo=UTC), duration=1, profile="core", exit_code=ExitCode.OK
    )
    return Report.model_validate(
        {"run": run, "cluster": {"version": "v1.33.0"}, "settings": {}, "checks": checks, **more}
    )


def compared(old: Report, new: Report) -> Comparison:
    return compare(old, new, ratio=2, floor_ms=10)


def test_a_report_is_no_worse_than_itself() -> None:
    same = report(
        result("a.a", "failed"), result("a.b", "skipped"), result("a.c", measurements={"p99_ms": 50})
    )
    comparison = compared(same, same)
    assert comparison == Comparison(
        worse=[], better=[], unmeasured=[], added=[], facts=[], settings=[], slower=[], compared=2
    )
    assert comparison.exit_code() is ExitCode.OK


@pytest.mark.parametrize(
    ("old", "new", "kind", "code"),
    [
        ("passed", "failed", "worse", ExitCode.FAILED),
        ("passed", "warned", "worse", ExitCode.FAILED),
        ("skipped", "failed", "worse", ExitCode.FAILED),
        ("error", "failed", "worse", ExitCode.FAILED),
        ("failed", "passed", "better", ExitCode.OK),
        ("passed", "error", "unmeasured", ExitCode.NOT_MEASURABLE),
        ("failed", "skipped", "unmeasured", ExitCode.NOT_MEASURABLE),
    ],
)
def test_outcomes_that_changed(old: str, new: str, kind: str, code: ExitCode) -> None:
    comparison = compared(report(result("a.a", old)), report(result("a.a", new)))
    assert [str(change) for change in getattr(comparison, kind)] == [f"a.a: {old} -> {new}"]
    assert comparison.exit_code() is code


def test_cases_that_came_and_went() -> None:
    old = report(result("a.gone"), result("a.stays"))
    new = report(result("a.stays"), result("a.new"), result("a.bad", "failed"))
    comparison = compared(old, new)
    assert [change.what for change in comparison.unmeasured] == ["a.gone"]
    assert [change.what for change in comparison.added] == ["a.new"]
    assert [change.what for change in comparison.worse] == ["a.bad"]


@pytest.mark.parametrize(
    ("old", "new", "slower"),
    [
        ({"p99_ms": 20}, {"p99_ms": 41}, ["a.a p99_ms"]),
        ({"p99_ms": 20}, {"p99_ms": 39}, []),  # within the ratio
        ({"p99_ms": 1}, {"p99_ms": 11}, []),  # within the floor
        ({"p99_s": 0.04, "measured_s": 300}, {"p99_s": 1.3, "measured_s": 1800}, []),  # of a few events
        ({"times": {"p50_ms": 1}}, {"times": {"p50_ms": 50}}, ["a.a times.p50_ms"]),
        ({"max_ms": 1, "limit_ms": 1, "lag_ms": 1}, {"max_ms": 99, "limit_ms": 99, "lag_ms": 99}, []),
        ({"queries": 1, "p99_ms": None}, {"queries": 99, "p99_ms": 50}, []),
        ({"p99_ms": 1}, {}, []),
    ],
)
def test_times_that_grew_beyond_noise(
    old: dict[str, object], new: dict[str, object], slower: list[str]
) -> None:
    comparison = compared(report(result("a.a", measurements=old)), report(result("a.a", measurements=new)))
    assert [change.what for change in comparison.slower] == slower
    assert comparison.exit_code() is (ExitCode.FAILED if slower else ExitCode.OK)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([], []),
        ([], [result("a.a")]),
        ([result("a.a", "skipped")], [result("a.a", "skipped")]),
        ([result("a.a", "error")], [result("a.a")]),
        ([result("a.a", "skipped")], [result("a.b")]),
    ],
)
def test_where_nothing_was_measured_twice_nothing_is_no_worse(
    old: list[CheckResult], new: list[CheckResult]
) -> None:
    comparison = compared(report(*old), report(*new))
    assert comparison.exit_code() is ExitCode.NOT_MEASURABLE
    assert list(text_lines(comparison))[-1].startswith("nothing is compared")


def test_times_of_other_settings_are_not_compared() -> None:
    old = report(
        result("a.a", measurements={"p99_ms": 1}),
        settings={"load_rate": 100, "report_dir": "a", "unknown_now": 1},
    )
    new = report(result("a.a", measurements={"p99_ms": 99}), settings={"load_rate": 500, "report_dir": "b"})
    comparison = compared(old, new)
    assert [change.what for change in comparison.settings] == ["load_rate"]
    assert not comparison.slower
    assert comparison.exit_code() is ExitCode.OK


def test_versions_and_topology_that_changed() -> None:
    comparison = compared(report(), report(cluster={"version": "v1.34.0", "dns": ["CoreDNS"]}))
    assert [change.what for change in comparison.facts] == ["version", "dns"]


def written(path: Path, *checks: CheckResult, **more: object) -> Path:
    path.write_text(report(*checks, **more).json_text())
    return path


def test_the_command_says_what_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = written(tmp_path / "old.json", result("a.a"))
    new = written(tmp_path / "new.json", result("a.a", "failed"), cluster={"version": "<b>|"})
    assert main(["compare", str(old), str(new)]) == ExitCode.FAILED
    assert "Worse:\n  a.a: passed -> failed\n" in capsys.readouterr().out
    assert main(["compare", "--markdown", str(old), str(new)]) == ExitCode.FAILED
    assert "| version | v1.33.0 | &lt;b>\\| |" in capsys.readouterr().out
    assert main(["compare", "--json", str(old), str(new)]) == ExitCode.FAILED
    said = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == 1
    assert said["worse"] == [{"what": "a.a", "old": "passed", "new": "failed"}]


def test_what_the_command_says_is_no_command_to_a_ci_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old.json", result("a.a"))
    new = written(tmp_path / "new.json", result("a.a"), cluster={"::error::x": "##[error]"})
    assert main(["compare", str(old), str(new)]) == ExitCode.OK
    assert r"  \x3a:error::x: none -> \x23#[error]" in capsys.readouterr().out


def test_a_cluster_that_the_environment_names_is_none_of_the_commands_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = str(written(tmp_path / "r.json", result("a.a")))
    for name, value in (
        ("KUBECONFIG", "f"),
        ("KUBE_CONTEXT", "c"),
        ("CLUSTER", "kubeconfig"),
        ("PROFILE", "load"),
    ):
        monkeypatch.setenv(f"CLUSTERDNS_{name}", value)
        assert main(["compare", same, same]) == ExitCode.OK
    monkeypatch.setenv("CLUSTERDNS_COMPARE_RATIO", "1")
    assert main(["compare", same, same]) == ExitCode.USAGE


def test_ratio_and_floor_are_settings(tmp_path: Path) -> None:
    old = written(tmp_path / "old.json", result("a.a", measurements={"p99_ms": 20}))
    new = written(tmp_path / "new.json", result("a.a", measurements={"p99_ms": 100}))
    assert main(["compare", str(old), str(new)]) == ExitCode.FAILED
    assert main(["compare", "--compare-ratio", "6", str(old), str(new)]) == ExitCode.OK
    assert main(["compare", "--compare-floor", "80", str(old), str(new)]) == ExitCode.OK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("\udcff", "cannot be read"),
        ('{"schema": "clusterdns.report/v1", "run"', "cut off"),
        ("[" * 200_000, "nested deeper than any report"),
        ("[" * 60 + "]" * 60, "nested deeper than any report"),
        ("[]", "no report.json of this suite: its schema is None"),
        ('{"run": NaN}', "NaN is no number of JSON"),
        ('{"run": -Infinity}', "-Infinity is no number of JSON"),
        ('{"run": 1' + "0" * 400 + "}", "no report has a number of 401 digits"),
        ('{"schema": "clusterdns.report/v0"}', "no report.json of this suite"),
        ('{"schema": "clusterdns.report/v1' + "0" * 5000 + '"}', "no report.json of this suite"),
        ('{"schema": "other"}', "no report.json of this suite: its schema is 'other'"),
        ('{"schema": "clusterdns.report/v99"}', r"v99 is newer than .*: use a newer clusterdns"),
        ('{"schema": "clusterdns.report/v1"}', "run: Field required"),
    ],
)
def test_what_is_no_report_is_said_in_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match=message) as raised:
        read_report(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", ["1e999", "-1"])
def test_a_run_of_no_possible_duration_is_no_report(tmp_path: Path, value: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(report().json_text().replace('"duration": 1.0', f'"duration": {value}'))
    with pytest.raises(UsageError, match=r"run\.duration"):
        read_report(path)


def test_a_case_that_is_there_twice_hides_no_failure(tmp_path: Path) -> None:
    path = written(tmp_path / "r.json", result("a.a", "failed"), result("a.b"), result("a.a"))
    with pytest.raises(UsageError, match=r"no report of one run: a\.a is there more than once"):
        read_report(path)


QUICK = [1.0 + index / 10 for index in range(20)]


@pytest.mark.parametrize(
    ("later", "worse"),
    [
        (QUICK, False),
        ([sample + 30 for sample in QUICK], True),
        ([sample + 9 for sample in QUICK], False),  # within the floor
        (QUICK[:11] + [sample + 300 for sample in QUICK[11:]], False),  # the median is as it was
        ([sample + 30 for sample in QUICK[:7]], False),  # too few
    ],
)
def test_samples_are_slower_where_their_median_grew_beyond_chance(later: list[float], *, worse: bool) -> None:
    old, new = (report(result("a.a", measurements={"took_ms": took})) for took in (QUICK, later))
    slower = [change.what for change in compared(old, new).slower]
    assert slower == (["a.a took_ms (median of 20)"] if worse else [])


def test_figures_that_grew_are_told_in_the_order_of_the_report() -> None:
    names = [f"{letter}_ms" for letter in "hgfedcba"]
    old, new = (
        report(result("a.a", measurements={name: [sample + more for sample in QUICK] for name in names}))
        for more in (0, 30)
    )
    slower = [change.what for change in compared(old, new).slower]
    assert slower == [f"a.a {name} (median of 20)" for name in names]


def test_a_difference_that_chance_explains_is_none() -> None:
    """Medians of 1 and 50 ms, of samples that lie across each other."""
    old = report(result("a.a", measurements={"took_ms": [1.0] * 5 + [90.0] * 4}))
    new = report(result("a.a", measurements={"took_ms": [1.0] * 4 + [50.0] * 5}))
    assert compared(old, new).slower == []


def test_an_endless_file_is_no_report() -> None:
    with pytest.raises(UsageError, match=r"/dev/zero: cannot be read: .*File too large"):
        read_report(Path("/dev/zero"))
