"""Verdicts as entries of the report, and as lines of a terminal."""

from clusterdns.check import Case, Check, SelectedCase
from clusterdns.model.outcome import ExitCode, Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.reporting.results import check_result
from clusterdns.reporting.terminal import MEANING, exit_line, rendered, told

PASSED, FAILED = Verdict(outcome=Outcome.PASSED), Verdict(outcome=Outcome.FAILED, reason="it is\n wrong")


def case(name: str = "") -> SelectedCase:
    only = Case(name, lambda _: PASSED)
    check = Check(
        id="resolver.ndots",
        profile=Profile.CORE,
        requirement="ndots is right.",
        source="the standard",
        remedy="set it right",
        cases=[only],
    )
    return SelectedCase(check, only)


def test_what_a_verdict_leaves_open_the_declaration_says() -> None:
    entry = check_result(case("tcp"), Outcome.FAILED, verdict=FAILED, duration=1.23456, artifacts=["a.pcap"])
    assert (entry.name, entry.outcome) == ("resolver.ndots[tcp]", Outcome.FAILED)
    assert entry.reason == "it is wrong"
    assert (entry.remedy, entry.source) == ("set it right", "the standard")
    assert (entry.duration, list(entry.artifacts)) == (1.235, ["a.pcap"])


def test_what_a_verdict_says_itself_goes_first() -> None:
    own = Verdict(outcome=Outcome.WARNED, reason="r", remedy="do this", source="a page")
    entry = check_result(case(), Outcome.WARNED, verdict=own, reasons=["set-up: late", "", "r"])
    assert (entry.remedy, entry.source, entry.reason) == ("do this", "a page", "set-up: late; r")


def test_what_passed_needs_no_remedy_and_what_was_not_judged_has_no_source() -> None:
    assert check_result(case(), Outcome.PASSED, verdict=PASSED).remedy == ""
    skipped = check_result(case(), Outcome.SKIPPED, reasons=["no musl"])
    assert (skipped.remedy, skipped.source, skipped.reason) == ("", "", "no musl")


def test_cases_that_say_the_same_are_told_together() -> None:
    evidence = tuple(f"line {number}" for number in range(25))
    verdict = Verdict(outcome=Outcome.FAILED, reason="it is wrong", evidence=evidence)
    entries = [
        check_result(case(name), Outcome.FAILED, verdict=verdict, artifacts=[f"{name}.log"])
        for name in ("udp", "tcp")
    ]
    (headline, outcome), *lines = told(entries)
    assert headline == "FAILED  resolver.ndots[udp], resolver.ndots[tcp]"
    assert outcome is Outcome.FAILED
    assert [line.strip() for line, _ in lines] == [
        "it is wrong",
        *evidence[:20],
        "and 5 lines more in the report",
        "to do: set it right",
        "source: the standard",
        "see udp.log, tcp.log",
    ]


def test_evidence_that_the_reason_gives_is_not_told_twice() -> None:
    verdict = judged(["node-1 is slow", "node-2 is slow"])
    lines = told([check_result(case(), Outcome.FAILED, verdict=verdict)])
    assert [line.strip() for line, _ in lines[1:3]] == ["node-1 is slow (and 1 more)", "node-2 is slow"]


def test_colours_are_for_terminals_and_nothing_drives_one() -> None:
    verdict = Verdict(outcome=Outcome.FAILED, reason="\x1b[2Jgone")
    lines = told([check_result(case(), Outcome.FAILED, verdict=verdict)])
    assert rendered(lines, coloured=False).splitlines()[1] == r"    \x1b[2Jgone"
    assert rendered(lines, coloured=True).startswith("\033[31mFAILED  resolver.ndots\033[0m\n    ")


def test_every_exit_code_has_a_meaning() -> None:
    for code in MEANING:
        assert exit_line(code) == (f"exit code {code.value}: {MEANING[code]}", None)
    assert ExitCode.FAILED in MEANING
