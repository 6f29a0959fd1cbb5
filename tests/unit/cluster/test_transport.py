"""Requests to an API server in trouble, and to one that means harm."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.cluster.api import Cluster, connect
from clusterdns.errors import ClusterError, DeadlineExceeded, HarnessError
from tests.unit.cluster.hostile import Hostile, closes, drips, floods, gives, resets, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.cluster.hostile import Behaviour

TIMEOUT = 2.0
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "ns", "labels": {"clusterdns.io/run": "1a2b3c4d"}},
}
VERSION = gives(200, {"gitVersion": "v1.34.4"})
PODS = gives(200, {"metadata": {}, "items": [POD]})
CORE = gives(200, {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]})
BUSY = gives(429, {"message": "too many requests"}, ("retry-after: 1",))
LEADERLESS = gives(500, {"kind": "Status", "message": "etcdserver: leader changed"})
TAKEN = gives(409, {"kind": "Status", "reason": "AlreadyExists", "message": 'pods "p" already exists'})
GONE = gives(404, {"message": "not found"})


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """A server that does what a test tells it to."""
    with serving() as server:
        yield server


@pytest.fixture
def reach(kubeconfig_file: Path) -> Callable[[int], Cluster]:
    """Return the cluster behind a port."""

    def reach(port: int) -> Cluster:
        config = yaml.safe_load(kubeconfig_file.read_text())
        config["clusters"][0]["cluster"]["server"] = f"http://127.0.0.1:{port}"
        kubeconfig_file.write_text(yaml.safe_dump(config))
        return connect(yaml.safe_load(kubeconfig_file.read_text()), TIMEOUT)

    return reach


@pytest.fixture
def cluster(hostile: Hostile, reach: Callable[[int], Cluster]) -> Cluster:
    """The API of the server."""
    return reach(hostile.port)


@pytest.mark.parametrize(
    "trouble",
    [resets, closes, BUSY, LEADERLESS, gives(502, raw=b"<html>Bad Gateway"), gives(503, {}), gives(504, {})],
    ids=["reset", "closed", "429", "leader", "502", "503", "504"],
)
def test_reading_is_tried_again_after_a_moments_trouble(
    hostile: Hostile, cluster: Cluster, trouble: Behaviour
) -> None:
    hostile.behaviours = [trouble, PODS]
    assert list(cluster.list("pods", namespace="ns")) == [POD]
    assert len(hostile.requests) == 2


@pytest.mark.parametrize(
    "beginning",
    [
        b"HT",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 x",
        b"HTTP/1.1 200 x\r\nconnection: close\r\n",
        b"HTTP/1.1 200 x\r\nconnection: close\r\ncontent-len",
        b"HTTP/1.1 200 x\r\ncontent-length: 1",
        b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n",
        b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(
    hostile: Hostile, cluster: Cluster, beginning: bytes
) -> None:
    hostile.behaviours = [lambda connection, _: connection.sendall(beginning), PODS]
    assert list(cluster.list("pods", namespace="ns")) == [POD]


def test_a_busy_server_is_left_alone_as_long_as_it_asks(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [BUSY, VERSION]
    began = time.monotonic()
    assert cluster.version() == "v1.34.4"
    assert time.monotonic() - began >= 1


def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(
    hostile: Hostile, cluster: Cluster
) -> None:
    hostile.behaviours = [gives(429, {"message": "too many requests"}, ("retry-after: 60",))]
    began = time.monotonic()
    with pytest.raises(ClusterError, match="cannot get the API server's version: too many requests"):
        cluster.version()
    assert time.monotonic() - began < 1
    assert len(hostile.requests) == 1


def test_a_server_that_is_away_for_a_moment_is_waited_for(reach: Callable[[int], Cluster]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]

    def come_back() -> None:
        time.sleep(0.7)
        with socket.create_server(("127.0.0.1", port)) as listening:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                VERSION(connection, b"")

    server = threading.Thread(target=come_back)
    server.start()
    assert reach(port).version() == "v1.34.4"
    server.join()


def test_lasting_trouble_ends_within_the_deadline(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [LEADERLESS]
    began = time.monotonic()
    with pytest.raises(ClusterError, match="cannot get the API server's version: etcdserver: leader changed"):
        cluster.version()
    assert time.monotonic() - began < TIMEOUT + 0.5
    assert len(hostile.requests) > 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501])
def test_a_refusal_is_not_asked_again(hostile: Hostile, cluster: Cluster, status: int) -> None:
    hostile.behaviours = [gives(status, {"message": "no"})]
    with pytest.raises(HarnessError):
        cluster.version()
    assert len(hostile.requests) == 1


def test_a_webhook_that_denies_with_a_status_of_trouble_is_not_asked_again(
    hostile: Hostile, cluster: Cluster
) -> None:
    hostile.behaviours = [CORE, gives(500, {"message": 'admission webhook "w" denied the request: no'})]
    with pytest.raises(ClusterError, match="denied the request: no"):
        cluster.create(POD)
    assert len(hostile.requests) == 2


def test_what_a_page_behind_the_server_answers_is_its_own(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [gives(503, {"message": "error trying to reach service: connection refused"})]
    with pytest.raises(ClusterError, match="error trying to reach service"):
        cluster.text("/api/v1/namespaces/ns/pods/p:9153/proxy/metrics")
    assert len(hostile.requests) == 1


@pytest.mark.parametrize("trouble", [resets, LEADERLESS], ids=["reset", "leader"])
def test_deleting_is_tried_again(hostile: Hostile, cluster: Cluster, trouble: Behaviour) -> None:
    hostile.behaviours = [CORE, trouble, GONE]
    cluster.delete(POD)
    assert [line.split()[0] for line in hostile.requests] == ["GET", "DELETE", "DELETE"]


def test_a_creation_whose_answer_got_lost_is_known_again(hostile: Hostile, cluster: Cluster) -> None:
    made = {**POD, "status": {"phase": "Pending"}}
    hostile.behaviours = [CORE, resets, TAKEN, gives(200, made)]
    assert cluster.create(POD) == made
    assert [line.split()[0] for line in hostile.requests] == ["GET", "POST", "POST", "GET"]


def test_somebody_elses_object_is_not_taken_for_ours(hostile: Hostile, cluster: Cluster) -> None:
    theirs = {**POD, "metadata": {**POD["metadata"], "labels": {"clusterdns.io/run": "another"}}}
    hostile.behaviours = [CORE, LEADERLESS, TAKEN, gives(200, theirs)]
    with pytest.raises(ClusterError, match="already exists"):
        cluster.create(POD)


def test_an_object_that_was_there_before_is_not_taken_for_ours(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [CORE, TAKEN, gives(200, POD)]
    with pytest.raises(ClusterError, match="already exists"):
        cluster.create(POD)
    assert len(hostile.requests) == 2


JSON_HEAD = b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\n\r\n"
BOMB = gzip.compress(b" " * (300 << 20), 1)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (drips(b"HTTP/1.1 200 x\r\ncontent-length: 9999\r\n\r\n"), "timed out: no whole answer within 2 s"),
        (drips(b"HTTP/1.1 200 x\r\n", b"a: b\r\n"), "no whole answer|more than 100 headers"),
        (drips(b"", b"H"), "timed out: no whole answer within 2 s"),
        (floods(JSON_HEAD, b" " * (1 << 20)), "more than 128 MiB|no whole answer"),
        (gives(200, raw=BOMB, headers=("content-encoding: gzip",)), "more than 128 MiB|no whole answer"),
    ],
    ids=["drip", "drip of headers", "drip of a first line", "flood", "gzip bomb"],
)
def test_an_answer_that_does_not_end_is_given_up_in_time(
    hostile: Hostile, cluster: Cluster, behaviour: Behaviour, message: str
) -> None:
    hostile.behaviours = [behaviour]
    began = time.monotonic()
    with pytest.raises(ClusterError, match=message):
        cluster.version()
    assert time.monotonic() - began < TIMEOUT + 1


def test_a_page_that_drips_is_given_up_in_time(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [drips(b"HTTP/1.1 200 x\r\ncontent-length: 9999\r\n\r\n")]
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"the page did not answer whole within 0\.5 s"):
        list(cluster.chunks("/x/proxy/metrics", seconds=0.5, what="the page"))
    assert time.monotonic() - began < 1.5


def test_an_exec_whose_handshake_drips_is_given_up_in_time(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [drips(b"HTTP/1.1 101 x\r\n", b"a: b\r\n")]
    began = time.monotonic()
    with pytest.raises(ClusterError, match="cannot reach the API server"):
        cluster.exec("ns", "p", "c", ["true"])
    assert time.monotonic() - began < TIMEOUT + 1


@pytest.mark.parametrize("trouble", [resets, BUSY, LEADERLESS], ids=["reset", "429", "leader"])
def test_a_program_that_was_not_started_is_started_again(
    hostile: Hostile, cluster: Cluster, trouble: Behaviour
) -> None:
    hostile.behaviours = [trouble, gives(404, {"message": 'pods "p" not found'})]
    with pytest.raises(ClusterError, match='pods "p" not found'):
        cluster.exec("ns", "p", "c", ["true"])
    assert len(hostile.requests) == 2


@pytest.mark.parametrize("status", [200, 302])
def test_credentials_for_an_exec_go_to_no_other_server(
    hostile: Hostile, cluster: Cluster, status: int
) -> None:
    elsewhere = f"location: http://127.0.0.1:{hostile.port}/elsewhere"
    hostile.behaviours = [gives(status, {}, (elsewhere,))]
    with pytest.raises(ClusterError):
        cluster.exec("ns", "p", "c", ["true"])
    assert not [line for line in hostile.requests if "elsewhere" in line]


def test_a_list_that_repeats_itself_is_given_up(hostile: Hostile, cluster: Cluster) -> None:
    hostile.behaviours = [gives(200, {"metadata": {"continue": "again"}, "items": [POD]})]
    with pytest.raises(ClusterError, match="lists pods in namespace ns without an end"):
        list(cluster.list("pods", namespace="ns"))


STRANGE = {
    "null": b"null",
    "list": b"[]",
    "pairs": b'[["items", []]]',
    "number": b"5",
    "empty": b"",
    "HTML": b"<html>",
    "deep": b'{"items":' + b"[" * 200_000,
    "huge number": b'{"gitVersion":' + b"9" * 10_000 + b"}",
    "not UTF-8": b'{"items": ["\xff\xfe"]}',
}
NO_LIST = {
    "no items": {},
    "items null": {"metadata": {}, "items": None},
    "items a number": {"metadata": {}, "items": 5},
    "items numbers": {"metadata": {}, "items": [5]},
    "metadata a list": {"metadata": [], "items": []},
    "an item without metadata": {"metadata": {}, "items": [{}]},
    "labels a list": {"metadata": {}, "items": [{"metadata": {"name": "p", "labels": []}}]},
    "spec a number": {"metadata": {}, "items": [{"metadata": {"name": "p"}, "spec": 5}]},
}


@pytest.mark.parametrize(
    "body",
    [*STRANGE.values(), *(json.dumps(body).encode() for body in NO_LIST.values())],
    ids=[*STRANGE, *NO_LIST],
)
def test_what_is_no_list_is_one_line(hostile: Hostile, cluster: Cluster, body: bytes) -> None:
    hostile.behaviours = [gives(200, raw=body)]
    with pytest.raises(ClusterError, match="does not answer as an API server when asked for pods") as caught:
        list(cluster.list("pods"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize(
    "ask", [Cluster.version, lambda cluster: cluster.create(POD), lambda cluster: cluster.find("pods", "p")]
)
def test_what_is_no_object_is_one_line(
    hostile: Hostile, cluster: Cluster, body: bytes, ask: Callable[[Cluster], object]
) -> None:
    hostile.behaviours = [gives(200, raw=body)]
    with pytest.raises(ClusterError, match="does not answer as an API server"):
        ask(cluster)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": 5}', "HTTP status 403"),
        (b'{"message": null}', "HTTP status 403"),
        (b"[1]", "HTTP status 403"),
        (b"null", "HTTP status 403"),
        (b"", "HTTP status 403"),
        (b"<html>\n<p>no</html>", "<html> <p>no</html>"),
        (b"[" * 200_000, r"\[\[\["),
        (b'{"message": "a\\nb"}', "a b"),
        (b'{"message": "' + b"x" * 3_000_000 + b'"}', "xxx"),
    ],
)
def test_a_refusal_in_any_words_is_one_short_line(
    hostile: Hostile, cluster: Cluster, body: bytes, message: str
) -> None:
    hostile.behaviours = [gives(403, raw=body)]
    with pytest.raises(HarnessError, match=message) as caught:
        cluster.version()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1200
