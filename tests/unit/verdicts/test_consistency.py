from __future__ import annotations

from dataclasses import replace

from clusterdns.model.outcome import Outcome
from clusterdns.verdicts.consistency import Agreement, AgreementWhileChanging, consistency, steadiness
from lab.faults import FAULTS
from tests.unit.verdicts.rightserver import matrix
from tests.unit.verdicts.test_propagation import ONCE, seen


def test_a_stale_replica_is_named() -> None:
    verdict = consistency(matrix(FAULTS["lost-endpoint"], on="pod 2"))
    assert verdict.outcome is Outcome.FAILED
    assert "otherwise by pod" in verdict.reason
    assert "answered in 2 ways" in verdict.reason
    assert isinstance(verdict.measurements, Agreement)
    assert verdict.measurements.dns_pods == ["pod 1", "pod 2"]
    assert any(line.startswith("  got: so on 2 paths") for line in verdict.evidence)


def test_the_few_are_the_odd_ones() -> None:
    asked = matrix()
    question = next(question for question, _ in asked.asked if question.check == "records.service-address")
    others = [pair for pair in asked.asked if pair[0] == question]
    last = others[-1][1]
    assert last.message is not None
    odd = replace(last, message=replace(last.message, answer=()))
    verdict = consistency(replace(asked, asked=(*others[:-1], (question, odd))))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith(f"{question} answered in 2 ways, otherwise by pod 2 (10.244.2.2)")


def test_pods_that_go_over_together_are_steady() -> None:
    verdict = steadiness([seen(1, 0.02), seen(2, 0.06)], 2)
    assert verdict.outcome is Outcome.PASSED
    assert isinstance(verdict.measurements, AgreementWhileChanging)
    assert verdict.measurements.spread_s == {"created 1": 0.04}


def test_one_that_goes_back_is_not() -> None:
    back = seen(2, 0.1, (*ONCE, (0.2, "NXDOMAIN"), (0.3, "NOERROR 198.18.0.1")))
    verdict = steadiness([seen(1, 0.02), back], 2)
    assert verdict.outcome is Outcome.FAILED
    assert "in turn NXDOMAIN, NOERROR 198.18.0.1, NXDOMAIN" in verdict.reason


def test_nor_are_pods_far_apart_or_blind() -> None:
    assert "from the first DNS pod to the last" in steadiness([seen(1, 0.02), seen(2, 2.5)], 2).reason
    assert steadiness([seen(1, 0.02), seen(2, None)], 2).outcome is Outcome.FAILED


def test_a_service_in_front_may_waver() -> None:
    service = seen(3, 0.02, (*ONCE, (0.2, "NXDOMAIN")))
    service = replace(service, path=replace(service.path, pod=False))
    assert steadiness([seen(1, 0.02), service], 2).outcome is Outcome.PASSED
