"""kind's configuration of a topology, runc's specification, and a node's kubelet."""

from pathlib import Path

import pytest
import yaml

from lab import breakage, topology
from lab.kind import runc
from lab.kind.config import RESOLV_CONF, cluster_config
from lab.network import cni_config


def patches(config: dict[str, object]) -> dict[str, dict[str, object]]:
    texts = config["kubeadmConfigPatches"]
    assert isinstance(texts, list)
    return {patch["kind"]: patch for patch in map(yaml.safe_load, texts)}


def made(**more: object) -> dict[str, object]:
    settings: dict[str, object] = {"nodes": 3, "image": "i", "resolv_conf": Path("/r"), "ours": None, **more}
    return cluster_config("n", topology.load("gke-kubedns-nodelocal"), **settings)  # type: ignore[arg-type]


def test_a_published_image_gets_the_topologys_node_settings_and_keeps_its_network() -> None:
    config = made()
    nodes = config["nodes"]
    assert isinstance(nodes, list)
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert {node["image"] for node in nodes} == {"i"}
    assert nodes[0]["extraMounts"] == [{"hostPath": "/r", "containerPath": RESOLV_CONF, "readOnly": True}]
    assert nodes[0]["labels"]["topology.kubernetes.io/zone"] == "europe-north1-a"
    kubelet = patches(config)["KubeletConfiguration"]
    assert kubelet == {
        "kind": "KubeletConfiguration",
        "resolvConf": RESOLV_CONF,
        "clusterDNS": ["10.96.0.10"],
    }
    assert patches(config)["InitConfiguration"]["skipPhases"] == ["preflight", "addon/coredns"]
    networking = config["networking"]
    assert isinstance(networking, dict)
    assert (networking["ipFamily"], networking["disableDefaultCNI"]) == ("ipv4", False)


def test_an_image_of_ours_shares_builds_with_the_host_and_has_no_systemd() -> None:
    config = made(ours={"/kind/bin": Path("/b")}, dual_stack=True)
    nodes = config["nodes"]
    assert isinstance(nodes, list)
    assert {"hostPath": "/b", "containerPath": "/kind/bin", "readOnly": True} in nodes[1]["extraMounts"]
    assert patches(config)["KubeletConfiguration"]["cgroupDriver"] == "cgroupfs"
    networking = config["networking"]
    assert isinstance(networking, dict)
    assert (networking["ipFamily"], networking["disableDefaultCNI"]) == ("dual", True)
    assert networking["podSubnet"] == "10.244.0.0/16,fd00:10:244::/56"


def test_pods_get_an_address_and_a_route_of_every_family() -> None:
    plugins = cni_config(["10.244.1.0/24", "fd00:10:244:1::/64"])["plugins"]
    assert isinstance(plugins, list)
    assert plugins[0]["ipam"] == {
        "type": "host-local",
        "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    }


def test_runc_is_not_asked_for_a_capability_that_it_cannot_give() -> None:
    def asked() -> dict[str, object]:
        return {
            "args": ["sh"],
            "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": None},
        }

    given = {"args": ["sh"], "capabilities": {"bounding": ["CAP_CHOWN"], "ambient": None}}
    assert runc.without_missing(asked()) == given
    assert runc.without_missing({"ociVersion": "1.0.2", "process": asked()})["process"] == given
    assert runc.without_missing({"process": {}}) == {"process": {}}


def test_runcs_arguments_name_what_to_run() -> None:
    assert runc.specification(["--root", "/r", "create", "--bundle", "/b", "id"]) == Path("/b/config.json")
    assert runc.specification(["exec", "--process", "/x/p", "--detach", "id"]) == Path("/x/p")
    assert runc.specification(["--root", "/r", "state", "id"]) is None


@pytest.mark.parametrize("name", ["upstream-dead", "aaaa-dropped", "ndots-webhook"])
def test_breakages_of_objects_and_packets_can_be_put_on_kind(name: str) -> None:
    assert breakage.load(name).for_any_cluster


@pytest.mark.parametrize(
    "name",
    [
        "replica-stale",  # spoiled answers
        "foreign-nameserver",  # a daemon of the lab's
        "scraped-twice",  # an add-on
        "replicas-on-one-node",  # a node's name
    ],
)
def test_breakages_of_what_is_the_labs_own_cannot(name: str) -> None:
    assert not breakage.load(name).for_any_cluster
