"""Captures in a pod of kube-dns: what dnsmasq is asked, and what it asks kubedns."""

import io
import secrets
import subprocess
import sys
from contextlib import ExitStack

import dns.message
import pytest

from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.capture.queries import Query, read_queries
from clusterdns.cluster.api import connect
from clusterdns.cluster.debugging import CAPTURE, attach
from clusterdns.cluster.dns_pods import DNSMASQ, dnsmasq_pods
from clusterdns.cluster.kubeconfig import read as read_kubeconfig
from clusterdns.probing.capturing import ETH0, KUBEDNS, Captured, Point, capturing
from clusterdns.probing.pods import ProbePod, Prober
from tests.proof.conftest import ROOT, Lab

IMAGE = "clusterdns.lab/probe:1"
ASK = """
import socket, sys
wire = bytes.fromhex(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(5)
    udp.sendto(wire, (sys.argv[1], 53))
    assert udp.recv(512)[:2] == wire[:2]
with socket.create_connection((sys.argv[1], 53), 5) as tcp:
    tcp.sendall(len(wire).to_bytes(2, "big") + wire)
    assert tcp.recv(512)[2:4] == wire[:2]
"""


@pytest.mark.parametrize("lab", ["gke-kubedns"], indirect=True)
def test_what_dnsmasq_is_asked_and_asks(lab: Lab) -> None:
    cluster = connect(read_kubeconfig(lab.kubeconfig, lab.context), 30)
    prober = Prober(cluster, ready_timeout=60, agent_timeout=30)
    found = dnsmasq_pods(cluster)[0]
    pod = ProbePod(
        found["metadata"]["namespace"],
        found["metadata"]["name"],
        found["spec"]["nodeName"],
        found["status"]["podIP"],
    )
    container = attach(cluster, found, DNSMASQ, IMAGE, 60, purpose=CAPTURE)
    name = f"{secrets.token_hex(6)}.default.svc.cluster.local"
    wire = dns.message.make_query(name, "A").to_wire().hex()
    with ExitStack() as stack:

        def capture(at: Point) -> Captured:
            return stack.enter_context(capturing(prober, pod, 60, at=at, debug_container=container))

        captured = {at: capture(at) for at in (ETH0, KUBEDNS)}
        inside = [sys.executable, "-m", "lab", "exec", "--name", lab.name, "--node", "node-1", "--"]
        ask = [sys.executable, "-c", ASK, pod.ip, wire]
        subprocess.run([*inside, *ask], cwd=ROOT, check=True, timeout=60)

    def seen(at: Point) -> list[Query]:
        queries = read_queries(read(io.BytesIO(captured[at].pcap)), port=at.port)
        return [query for query in queries if query.name == name]

    assert [(query.transport, query.server, query.rcode) for query in seen(ETH0)] == [
        ("udp", pod.ip, "NXDOMAIN"),
        ("tcp", pod.ip, "NXDOMAIN"),
    ]
    # dnsmasq on GKE does not cache NXDOMAIN (--no-negcache): kubedns is asked both times.
    assert [(query.client, query.rcode) for query in seen(KUBEDNS)] == [("127.0.0.1", "NXDOMAIN")] * 2
