"""A node: namespaces of its own on the shared kernel, with containerd, kubelet and kube-proxy in them.

Default paths (/var/lib/kubelet, /run/containerd, /etc/cni …) are kept and covered by
mounts in the node's own mount namespace, so nothing of a node is seen on the host.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import cgroups, network
from lab.build import PAUSE_IMAGE
from lab.paths import INSIDE, INSIDE_STATE
from lab.shared_images import share_images
from lab.sysctls import GLOBAL_SYSCTLS
from lab.template import containerd_config
from lab.topology import Topology

DEBIAN_CNI_PLUGINS = "/usr/lib/cni"
_OWN_CNI_PLUGINS = "/etc/cni/bin"


def containerd_of_node(cni_plugins: str) -> str:
    """Return containerd's configuration in a node, with the folder that its CNI plugins are in."""
    cri = f"""\
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_plugins}"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""
    return containerd_config(Path("/var/lib/containerd"), Path("/run/containerd"), cri=cri)


# Duplicate address detection would cost each sandbox 1.8 s. A sandbox has its own settings.
_PTP = """\
#!/bin/sh
if [ "$CNI_COMMAND" = ADD ]; then
    for which in all default; do
        nsenter --net="$CNI_NETNS" sh -c "echo 0 >/proc/sys/net/ipv6/conf/$which/accept_dad" </dev/null
    done
fi
exec /usr/lib/cni/ptp
"""


@dataclass(frozen=True)
class Node:
    """One node of a lab, as seen inside it."""

    index: int  # from 1
    folder: Path  # its part of the lab's state
    topology: Topology
    dual_stack: bool = False

    @property
    def name(self) -> str:
        """The Kubernetes name, also the host name."""
        return f"node-{self.index}"

    @property
    def address(self) -> str:
        """The InternalIP."""
        return network.node_address(self.index)

    @property
    def address6(self) -> str | None:
        """The second InternalIP; None without one."""
        return network.node_address6(self.index) if self.dual_stack else None

    @property
    def pod_cidrs(self) -> list[str]:
        """The networks of its pods."""
        ipv6 = [network.pod_cidr6(self.index)] if self.dual_stack else []
        return [network.pod_cidr(self.index), *ipv6]

    @property
    def cgroups(self) -> list[Path]:
        """The groups that the node's cgroup namespace has at its top."""
        return [hierarchy.inside(self.name) for hierarchy in cgroups.hierarchies()]

    def manifest(self) -> dict[str, object]:
        """Return the Node object to create ahead of the kubelet.

        It spares the wait for registration and makes podCIDR agree with the CNI's.
        """
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            **self.topology.node_labels,
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"podCIDR": self.pod_cidrs[0], "podCIDRs": self.pod_cidrs},
        }

    def prepare(self, template: Path) -> None:
        """Write the node's files: configurations, and a containerd root that shares the template's layers."""
        for folder in ("etc", "work", "log", "lib/kubelet", "lib/cni"):
            (self.folder / folder).mkdir(parents=True)
        etc = self.folder / "etc"
        (etc / "cni/net.d").mkdir(parents=True)
        (etc / "cni/net.d/10-lab.conflist").write_text(json.dumps(network.cni_config(self.pod_cidrs)))
        _cni_programs(etc / "cni/bin", dual_stack=self.dual_stack)
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (etc / "resolv.conf").write_text(self.topology.resolv_conf())
        (etc / "kubernetes").mkdir()
        (etc / "kubernetes/kubelet.yaml").write_text(yaml.safe_dump(self.kubelet_config()))
        (etc / "kubernetes/kube-proxy.yaml").write_text(yaml.safe_dump(self._proxy_config()))
        (etc / "containerd").mkdir()
        (etc / "containerd/config.toml").write_text(containerd_of_node(_OWN_CNI_PLUGINS))
        share_images(template, self.folder / "lib/containerd")

    def mount_script(self) -> str:
        """Return the shell script that covers the default paths, for inside the node's namespaces."""
        state = self.folder
        covers = []
        for name in GLOBAL_SYSCTLS:
            file = f"{state}/{name.replace('/', '.')}"
            covers += [f"cat /proc/sys/{name} >{file}", f"mount -n --bind {file} /proc/sys/{name}"]
        return "\n".join(
            [
                "set -e",
                "mount -n --make-rprivate /",
                f"hostname {self.name}",
                cgroups.mount_script(),
                *covers,
                f"mount -n -t overlay etc /etc -o lowerdir=/etc,upperdir={state}/etc,workdir={state}/work",
                f"mount -n --bind {state}/lib /var/lib",
                f"mount -n --bind {state}/log /var/log",
                f"mkdir /run/{self.name} && mount -n -t tmpfs -o mode=755 run /run/{self.name}",
                f"mkdir /run/{self.name}/lab && mount -n --rbind {INSIDE} /run/{self.name}/lab",
                f"mount -n --rbind /run/{self.name} /run",
                "mount -n --make-rshared /",
            ]
        )

    def containerd(self) -> list[str]:
        """Return containerd's command."""
        return ["containerd", "--config=/etc/containerd/config.toml"]

    def kubelet(self, programs: Path) -> list[str]:
        """Return the kubelet's command."""
        return [
            str(programs / "kubelet"),
            "--config=/etc/kubernetes/kubelet.yaml",
            f"--kubeconfig={INSIDE_STATE / self.name}.conf",
            f"--hostname-override={self.name}",
            f"--node-ip={','.join(filter(None, (self.address, self.address6)))}",
        ]

    def proxy(self, programs: Path) -> list[str]:
        """Return kube-proxy's command."""
        return [str(programs / "kube-proxy"), "--config=/etc/kubernetes/kube-proxy.yaml"]

    def kubelet_config(self) -> dict[str, object]:
        """Return the KubeletConfiguration."""
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(INSIDE_STATE / "pki/ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "clusterDomain": "cluster.local",
            "clusterDNS": [self.topology.cluster_dns],
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "evictionHard": dict.fromkeys(
                ("memory.available", "nodefs.available", "imagefs.available"), "0%"
            ),
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "localStorageCapacityIsolation": False,
            "maxPods": 250,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            "serializeImagePulls": False,
            "resolvConf": "/etc/resolv.conf",
        }

    def _proxy_config(self) -> dict[str, object]:
        # Conntrack's limits and time-outs belong to the machine: 0 leaves them alone.
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(INSIDE_STATE / "kube-proxy.conf")},
            "bindAddress": "0.0.0.0",  # noqa: S104 - IPv4 first, not only
            "clusterCIDR": network.both(network.POD_CIDR, network.POD_CIDR6, dual_stack=self.dual_stack),
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            "hostnameOverride": self.name,
            "mode": "iptables",
            "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
        }


def _cni_programs(folder: Path, *, dual_stack: bool) -> None:
    """Put the CNI plugins in use into a folder; with IPv6, ptp without duplicate address detection."""
    folder.mkdir()
    for program in ("host-local", "loopback"):
        (folder / program).symlink_to(f"{DEBIAN_CNI_PLUGINS}/{program}")
    ptp = folder / "ptp"
    if dual_stack:
        ptp.write_text(_PTP)
        ptp.chmod(0o755)
    else:
        ptp.symlink_to(f"{DEBIAN_CNI_PLUGINS}/ptp")
