"""DNS pods that go away while they are asked."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from clusterdns.check import Check, SelectedCase, only
from clusterdns.errors import ClusterError, PermissionMissing
from clusterdns.measuring.replacements import refuse_replaced
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import Backend, Service, Topology
from tests.unit.measuring.fakes import FakeCluster
from tests.unit.verdicts.topologies import topology

if TYPE_CHECKING:
    from clusterdns.measuring.run import Run

COMPLAINT = (
    "1 of 2 answers is wrong\nx.example. A (node-1 -> kube-system/coredns-a (10.244.1.2), UDP): no answer"
)


def asked(*, layer: str | None = "kube-system/coredns") -> Topology:
    """Return a topology of two DNS pods behind a Service."""
    backends = tuple(
        Backend(f"kube-system/{name}", "node-1", address, ready=True, layer=layer)
        for name, address in (("coredns-a", "10.244.1.2"), ("coredns", "10.244.1.3"))
    )
    return topology(services=(Service("kube-system/kube-dns", ("10.96.0.10",), backends),))


def pod(address: str = "10.244.1.2", phase: str = "Running", **metadata: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "coredns-a", "namespace": "kube-system", **metadata},
        "status": {"phase": phase, "podIP": address},
    }


@pytest.mark.parametrize(
    "now",
    [
        [],
        [pod("10.244.1.9")],
        [pod(phase="Failed")],
        [pod(deletionTimestamp="2026-11-27T00:00:00Z")],
    ],
    ids=["gone", "another address", "evicted", "going"],
)
def test_a_complaint_about_a_pod_that_was_replaced_is_no_verdict(now: list[dict[str, Any]]) -> None:
    cluster = FakeCluster({"pods": now}).as_cluster()
    with pytest.raises(
        ClusterError, match=r"^kube-system/coredns-a: replaced while it was asked: run again$"
    ):
        refuse_replaced(cluster, asked(), COMPLAINT, of_answers=True)


def test_a_complaint_about_a_pod_that_is_there_stands() -> None:
    refuse_replaced(FakeCluster({"pods": [pod()]}).as_cluster(), asked(), COMPLAINT, of_answers=True)


def test_a_complaint_that_names_no_replaced_pod_stands() -> None:
    cluster = FakeCluster({"pods": []}).as_cluster()
    refuse_replaced(cluster, asked(), "Service kube-system/kube-dns is wrong", of_answers=False)


def test_a_complaint_about_answers_may_be_about_any_pod_that_was_ready() -> None:
    complaint = "4 of 12 lookups sent 8 queries, 7 are expected"
    there = pod()
    other = {**pod("10.244.1.3"), "metadata": {"name": "coredns", "namespace": "kube-system"}}
    refuse_replaced(FakeCluster({"pods": [there, other]}).as_cluster(), asked(), complaint, of_answers=True)
    with pytest.raises(ClusterError, match=r"^kube-system/coredns-a: replaced while"):
        refuse_replaced(FakeCluster({"pods": [other]}).as_cluster(), asked(), complaint, of_answers=True)
    ending = topology(
        services=(
            Service(
                "kube-system/kube-dns",
                ("10.96.0.10",),
                (
                    Backend(
                        "kube-system/old", "node-1", "10.244.1.9", ready=False, layer="kube-system/coredns"
                    ),
                ),
            ),
        )
    )
    refuse_replaced(FakeCluster({"pods": []}).as_cluster(), ending, complaint, of_answers=True)


def test_an_endpoint_that_was_stale_before_is_a_fault_of_the_cluster() -> None:
    refuse_replaced(FakeCluster({"pods": []}).as_cluster(), asked(layer=None), COMPLAINT, of_answers=True)


def test_where_pods_may_not_be_read_a_complaint_stands() -> None:
    class Forbidding(FakeCluster):
        def list(self, *_: Any, **__: Any) -> Any:
            raise PermissionMissing("not allowed to list pods")

    refuse_replaced(Forbidding().as_cluster(), asked(), COMPLAINT, of_answers=True)


@pytest.mark.parametrize(
    ("outcome", "profile", "stands"),
    [
        (Outcome.FAILED, Profile.CORE, False),
        (Outcome.WARNED, Profile.CORE, False),
        (Outcome.PASSED, Profile.CORE, True),
        (Outcome.FAILED, Profile.DISRUPTIVE, True),  # the run itself replaces pods
    ],
)
def test_every_complaint_is_held_against_what_was_replaced(
    outcome: Outcome, profile: Profile, *, stands: bool
) -> None:
    first, _, line = COMPLAINT.partition("\n")
    verdict = Verdict(outcome=outcome, reason=first, evidence=(line,))
    cases = only(lambda _run: verdict)
    check = Check(id="records.case", profile=profile, requirement="-", source="-", remedy="-", cases=cases)
    run = cast("Run", SimpleNamespace(cluster=FakeCluster({"pods": []}), topology=asked()))
    case = SelectedCase(check, cases[0])
    if stands:
        assert case.judge(run) is verdict
    else:
        with pytest.raises(ClusterError, match="replaced while it was asked"):
            case.judge(run)
