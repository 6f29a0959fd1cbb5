"""The control plane as plain processes in the fabric: PKI by kubeadm, etcd, API server, managers."""

from pathlib import Path

from lab import network
from lab.build import KUBERNETES_VERSION
from lab.commands import run
from lab.paths import SOURCE

ADDRESS = network.BRIDGE
PORT = 6443
SERVER = f"https://{ADDRESS}:{PORT}"
_CONFIG = "kubeadm.yaml"  # in the lab's state folder
AUDIT_LOG = "audit.log"  # in the lab's state folder
ISSUER = "https://kubernetes.default.svc.cluster.local"


def make_pki(programs: Path, folder: Path, nodes: list[str], services: str) -> None:
    """Let kubeadm make certificates and kubeconfigs under `folder` (`pki/`, `*.conf`, `NODE.conf`).

    Args:
        programs: Where kubeadm is.
        folder: Where they go.
        nodes: Their names.
        services: The network of cluster IPs, or both.
    """
    kubeadm = str(programs / "kubeadm")
    pki = f"--cert-dir={folder / 'pki'}"
    advertise = f"--apiserver-advertise-address={ADDRESS}"
    version = f"--kubernetes-version=v{KUBERNETES_VERSION}"
    names = "--apiserver-cert-extra-sans=127.0.0.1,localhost"
    cidr = f"--service-cidr={services}"
    run([kubeadm, "init", "phase", "certs", "all", pki, advertise, version, names, cidr])
    run(
        [kubeadm, "init", "phase", "kubeconfig", "all", pki, advertise, version, f"--kubeconfig-dir={folder}"]
    )
    (folder / _CONFIG).write_text(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
        f"kubernetesVersion: v{KUBERNETES_VERSION}\ncertificatesDir: {folder / 'pki'}\n"
        f"controlPlaneEndpoint: {ADDRESS}:{PORT}\n"
    )
    for node in nodes:
        make_kubelet_user(programs, folder, node)
    _make_user(programs, folder, "kube-proxy", "--client-name=system:kube-proxy")


def make_kubelet_user(programs: Path, folder: Path, node: str) -> None:
    """Let kubeadm make the kubeconfig of a node's kubelet, `folder`/NODE.conf."""
    _make_user(programs, folder, node, f"--client-name=system:node:{node}", "--org=system:nodes")


def _make_user(programs: Path, folder: Path, file: str, *names: str) -> None:
    argv = [str(programs / "kubeadm"), "kubeconfig", "user", f"--config={folder / _CONFIG}", *names]
    (folder / f"{file}.conf").write_text(run(argv))


def etcd(programs: Path, folder: Path) -> list[str]:
    """Return etcd's command: loopback only, tuned to be ready at once; its data is worth nothing."""
    return [
        str(programs / "etcd"),
        f"--data-dir={folder / 'etcd'}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--heartbeat-interval=10",
        "--election-timeout=100",
    ]


def apiserver(programs: Path, folder: Path, services: str) -> list[str]:
    """Return the API server's command.

    MutatingAdmissionPolicy is on because breakages use it as their mutating webhook.
    """
    pki = folder / "pki"
    return [
        str(programs / "kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={ADDRESS}",
        f"--secure-port={PORT}",
        f"--service-cluster-ip-range={services}",
        "--allow-privileged=true",
        f"--audit-policy-file={SOURCE / 'audit.yaml'}",
        f"--audit-log-path={folder / AUDIT_LOG}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
    ]


def controller_manager(programs: Path, folder: Path, services: str, pods: str) -> list[str]:
    """Return the controller manager's command.

    The query limits are raised because with the defaults its caches take five
    seconds to fill, and every first pod waits for the default ServiceAccount.
    """
    pki = folder / "pki"
    kubeconfig = folder / "controller-manager.conf"
    return [
        str(programs / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        "--controllers=*,bootstrapsigner,tokencleaner",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={pods}",
        "--node-cidr-mask-size-ipv4=24",
        *(["--node-cidr-mask-size-ipv6=64"] if "," in pods else []),
        f"--service-cluster-ip-range={services}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
    ]


def scheduler(programs: Path, folder: Path) -> list[str]:
    """Return the scheduler's command."""
    kubeconfig = folder / "scheduler.conf"
    return [
        str(programs / "kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
    ]
