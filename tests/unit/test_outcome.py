from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.outcome import ExitCode, Outcome, Verdict, exit_code

P, F, W, S, E = Outcome.PASSED, Outcome.FAILED, Outcome.WARNED, Outcome.SKIPPED, Outcome.ERROR


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 5),
        ([P], 0),
        ([P, S], 0),
        ([P, W], 0),
        ([W], 0),
        ([S], 5),
        ([S, S], 5),
        ([F], 1),
        ([P, F], 1),
        ([E], 6),
        ([P, E], 6),
        ([S, E], 6),
        ([F, E], 1),
    ],
)
def test_the_gate_contract(outcomes: list[Outcome], code: int) -> None:
    assert exit_code(("a.b", outcome) for outcome in outcomes) == code


def test_strict_fails_warnings_whatever_else_there_is() -> None:
    for others in product(Outcome, repeat=2):
        assert exit_code([("a.b", outcome) for outcome in (W, *others)], strict=True) == ExitCode.FAILED


@given(st.lists(st.sampled_from([S, E])), st.booleans())
def test_a_run_where_nothing_passed_is_never_ok(outcomes: list[Outcome], strict: bool) -> None:  # noqa: FBT001
    assert exit_code((("a.b", outcome) for outcome in outcomes), strict=strict) != ExitCode.OK


def test_a_required_check_must_be_measured() -> None:
    assert exit_code([("a.b", P), ("a.c", S)], require={"a.c"}) == ExitCode.FAILED
    assert exit_code([("a.b", P)], require={"a.c"}) == ExitCode.FAILED
    assert exit_code([("a.c", P), ("a.c", S)], require={"a.c"}) == ExitCode.FAILED
    assert exit_code([("a.b", S), ("a.c", P)], require={"a.c"}) == ExitCode.OK


@pytest.mark.parametrize("outcome", [S, E])
def test_a_verdict_only_judges(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="passed, failed or warned"):
        Verdict(outcome=outcome, reason="r", remedy="r")


@pytest.mark.parametrize("outcome", [F, W])
def test_a_complaint_has_a_reason(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Verdict(outcome=outcome, remedy="r")
