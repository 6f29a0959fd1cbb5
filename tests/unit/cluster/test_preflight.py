from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.catalogue import CATALOGUE
from clusterdns.check import cases_of
from clusterdns.cluster.permissions import METRICS, OBJECTS, PROBES, Grant, verbs
from clusterdns.cluster.preflight import Preflight, manifest, preflight
from clusterdns.cluster.standins import stand_ins
from clusterdns.errors import ClusterError
from clusterdns.measuring.probes import Probes
from clusterdns.measuring.watching import WatchedServers
from clusterdns.model.profiles import INCLUDES, Profile
from clusterdns.settings import Settings

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

ROOT = Path(__file__).parents[3]
REVIEWS = "/apis/authorization.k8s.io/v1"


GRANTS: dict[Profile, list[Grant]] = {
    profile: [
        grant
        for case in cases_of(CATALOGUE.values(), Settings())
        if case.profile in INCLUDES[profile]
        for grant in case.grants
        if grant.least in INCLUDES[profile]
    ]
    for profile in Profile
}


@pytest.mark.parametrize("profile", Profile)
def test_the_roles_grant_exactly_what_a_profile_needs(profile: Profile) -> None:
    granted: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for role in yaml.safe_load_all((ROOT / manifest(profile)).read_text()):
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    granted[role["metadata"].get("namespace", ""), group, resource] |= set(rule["verbs"])
    wanted: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for permission, verb in verbs(GRANTS[profile]):
        wanted[permission.namespace, permission.group, permission.resource].add(verb)
    for (namespace, group, resource), some in tuple(wanted.items()):
        if namespace:
            some.difference_update(
                wanted.get(("", group, resource), ())
            )  # allowed everywhere is allowed here
    wanted = {key: some for key, some in wanted.items() if some}
    assert granted == wanted


def words(grant: Grant) -> list[str]:
    return [f"{verb} {permission}" for permission, verb in verbs([grant])]


def allow(api_server: ApiServer, *, but: str = "") -> None:
    kinds = [{"name": "selfsubjectaccessreviews", "kind": "SelfSubjectAccessReview", "namespaced": False}]

    def review(_query: object, body: Any) -> tuple[int, Any]:
        return 201, {"status": {"allowed": body["spec"]["resourceAttributes"]["resource"] != but}}

    api_server.answers[f"GET {REVIEWS}"] = 200, {"resources": kinds}
    api_server.answers[f"POST {REVIEWS}/selfsubjectaccessreviews"] = review


def test_preflight_tells_the_version(api_server: ApiServer, cluster: Cluster) -> None:
    allow(api_server)
    assert preflight(cluster, (OBJECTS, PROBES, METRICS)) == Preflight("v1.34.4", {})


def test_preflight_lists_all_that_is_missing(api_server: ApiServer, cluster: Cluster) -> None:
    allow(api_server, but="services")
    told = preflight(cluster, (OBJECTS, PROBES, METRICS))
    assert told.missing == {OBJECTS: ["list services"], PROBES: ["create services"]}


@pytest.mark.parametrize("review", [{}, {"status": 5}, {"status": {"allowed": "yes"}}])
def test_a_review_that_is_none_is_no_permission_and_no_defect(
    api_server: ApiServer, cluster: Cluster, review: dict[str, Any]
) -> None:
    allow(api_server)
    api_server.answers[f"POST {REVIEWS}/selfsubjectaccessreviews"] = 200, review
    with pytest.raises(ClusterError, match="does not tell whether"):
        preflight(cluster, [OBJECTS])


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("create pods", "may not create pods; manifests/rbac/load.yaml grants it"),
        ("get nodes/proxy", None),
    ],
)
def test_a_case_without_a_permission_is_skipped_unless_it_only_shows_less(
    lacking: str, said: str | None
) -> None:
    (rest, *_) = cases_of([CATALOGUE["saturation.tcp-workers"]], Settings())
    grant = next(grant for grant in rest.grants if lacking in words(grant))
    run: Any = SimpleNamespace(
        missing={grant: [lacking]},
        settings=Settings(profile=Profile.LOAD),
        probes=Probes({}, {}),
        watched_servers=WatchedServers({}, None),
    )
    reason = rest.skip_reason(run)
    assert (reason and reason.partition("the credentials ")[2]) == said


def test_stand_ins_are_found_by_their_annotation(api_server: ApiServer, cluster: Cluster) -> None:
    pods = [
        {"metadata": {"name": "kube-dns-1", "annotations": {"clusterdns.io/stand-in": "kubedns"}}},
        {"metadata": {"name": "kube-proxy-1"}},
    ]
    api_server.answers["GET /api/v1/namespaces/kube-system/pods"] = 200, {"metadata": {}, "items": pods}
    assert stand_ins(cluster, ["kube-system"]) == {"kube-system/kube-dns-1": "kubedns"}
