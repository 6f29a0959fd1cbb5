from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.catalogue import CATALOGUE
from clusterdns.check import cases_of
from clusterdns.cluster.permissions import METRICS, NETWORK_POLICIES, OBJECTS, PROBES, Grant, verbs
from clusterdns.cluster.preflight import manifest, preflight
from clusterdns.cluster.standins import stand_ins
from clusterdns.errors import PermissionMissing
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
    assert granted == wanted


def allow(api_server: ApiServer, *, but: str = "") -> None:
    kinds = [{"name": "selfsubjectaccessreviews", "kind": "SelfSubjectAccessReview", "namespaced": False}]

    def review(_query: object, body: Any) -> tuple[int, Any]:
        return 201, {"status": {"allowed": body["spec"]["resourceAttributes"]["resource"] != but}}

    api_server.answers[f"GET {REVIEWS}"] = 200, {"resources": kinds}
    api_server.answers[f"POST {REVIEWS}/selfsubjectaccessreviews"] = review


def test_preflight_tells_the_version(api_server: ApiServer, cluster: Cluster) -> None:
    allow(api_server)
    assert preflight(cluster, (OBJECTS, PROBES, METRICS), Profile.CORE) == "v1.34.4"


def test_preflight_lists_all_that_is_missing(api_server: ApiServer, cluster: Cluster) -> None:
    allow(api_server, but="services")
    with pytest.raises(
        PermissionMissing, match=r"may not get services, list services: .*manifests/rbac/audit.yaml"
    ):
        preflight(cluster, (OBJECTS,), Profile.AUDIT)


def test_a_run_does_without_what_is_optional(api_server: ApiServer, cluster: Cluster) -> None:
    allow(api_server, but="networkpolicies")
    assert preflight(cluster, (OBJECTS, NETWORK_POLICIES), Profile.AUDIT) == "v1.34.4"
    allow(api_server, but="ciliumlocalredirectpolicies")
    assert preflight(cluster, (OBJECTS, NETWORK_POLICIES), Profile.AUDIT) == "v1.34.4"


def test_stand_ins_are_found_by_their_annotation(api_server: ApiServer, cluster: Cluster) -> None:
    pods = [
        {"metadata": {"name": "kube-dns-1", "annotations": {"clusterdns.io/stand-in": "kubedns"}}},
        {"metadata": {"name": "kube-proxy-1"}},
    ]
    api_server.answers["GET /api/v1/namespaces/kube-system/pods"] = 200, {"metadata": {}, "items": pods}
    assert stand_ins(cluster, ["kube-system"]) == {"kube-system/kube-dns-1": "kubedns"}
