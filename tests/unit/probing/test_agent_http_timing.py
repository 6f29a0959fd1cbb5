"""The agent's `http_timing` as a program of its own against servers on the loopback device."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.web import PAGE, Page, certificate

Start = Callable[..., int]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Start]:
    """Starts the lab's web server, by HTTP or HTTPS; returns its port."""
    servers: list[ThreadingHTTPServer] = []

    def start(*, tls: bool = False) -> int:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        if tls:
            context = certificate(tmp_path)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def timings(agent: Callable[..., Any], *urls: str, times: int = 1, **more: int) -> list[dict[str, Any]]:
    *answers, last = agent("http_timing", {"urls": urls, "times": times, "timeout": 1.0, **more})
    assert last == {"done": True}
    return list(answers)


def test_phases_of_http_and_https(agent: Callable[..., Any], server: Start) -> None:
    plain, secure = server(), server(tls=True)
    urls = f"http://127.0.0.1:{plain}/", f"https://localhost:{secure}/page?a=b"
    answers = timings(agent, *urls, times=2)
    assert [(answer["timing"], answer["url"]) for answer in answers] == [
        (0, urls[0]),
        (1, urls[0]),
        (2, urls[1]),
        (3, urls[1]),
    ]
    assert {(answer["failed"], answer["failure"], answer["status"]) for answer in answers} == {
        (None, "", 200)
    }
    assert list(answers[0]["phases"]) == ["dns", "connect", "first_byte", "total"]
    assert list(answers[2]["phases"]) == ["dns", "connect", "tls", "first_byte", "total"]
    for answer in answers:
        *phases, total = answer["phases"].values()
        assert all(took > 0 for took in phases)
        assert total >= sum(phases)
    assert len(PAGE) < 1000


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return int(gone.getsockname()[1])


def test_failures_are_told_by_phase(agent: Callable[..., Any], server: Start) -> None:
    plain = server()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts; nobody answers
        answers = timings(
            agent,
            "http://no-such-name.invalid/",
            f"http://127.0.0.1:{closed_port()}/",
            f"https://127.0.0.1:{plain}/",
            f"http://127.0.0.1:{silent.getsockname()[1]}/",
        )
    assert [answer["failed"] for answer in answers] == ["dns", "connect", "tls", "first_byte"]
    assert all(answer["failure"] for answer in answers)
    assert [list(answer["phases"])[-2:] for answer in answers] == [
        ["dns", "total"],
        ["connect", "total"],
        ["tls", "total"],
        ["first_byte", "total"],
    ]
    assert answers[3]["phases"]["first_byte"] >= 1e9


def test_a_url_that_fails_again_and_again_is_given_up(agent: Callable[..., Any], server: Start) -> None:
    dead, alive = "http://127.0.0.1:1/", f"http://127.0.0.1:{server()}/"
    answers = timings(agent, dead, alive, times=4, give_up=2)
    assert [answer["url"] for answer in answers] == [dead] * 2 + [alive] * 4


def test_what_does_not_speak_http(agent: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        threading.Thread(target=greet).start()
        (answer,) = timings(agent, f"http://127.0.0.1:{other.getsockname()[1]}/")
    assert answer["failed"] == "first_byte"
    assert "no HTTP" in answer["failure"]
