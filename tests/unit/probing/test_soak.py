"""The soak's program, run as a pod runs it, against a server on the loopback device; and its lines, read."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import ProbeError
from clusterdns.model.soak import LOST, REFUSED, UNASKED
from clusterdns.probing.load import distinct, fixed
from clusterdns.probing.pods import AGENT
from clusterdns.probing.soak import Call, Calls, Foreign, PathSecond, SoakPlan, Started, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 50


def program() -> Any:
    spec = importlib.util.spec_from_file_location("agent_soak", AGENT / "soak.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(AGENT))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(AGENT))
    return module


SOAK = program()


def plan(port: int = 53, *, timeout: float = 1.0) -> SoakPlan:
    return SoakPlan(
        addresses=["127.0.0.1", "127.0.0.2"],
        templates=[fixed("good.example.", "A"), distinct("silent.example.", "A"), fixed("bad.example.", "A")],
        rate=RATE,
        timeout=timeout,
        names=["localhost"],
        pause=0.05,
        port=port,
    )


@pytest.fixture
def server() -> Iterator[int]:
    """A server on 127.0.0.1 that knows one name, says nothing to others and SERVFAIL to one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                wire, client = sock.recvfrom(512)
                if not wire:
                    return
                query = dns.message.from_wire(wire)
                name = query.question[0].name.to_text()
                response = dns.message.make_response(query)
                if name == "bad.example.":
                    response.set_rcode(dns.rcode.SERVFAIL)
                if "silent" not in name:
                    sock.sendto(response.to_wire(), client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(sock.getsockname()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", sock.getsockname())
        thread.join()


def lines(of: SoakPlan, seconds: int) -> list[Any]:
    """Return what the program says until both paths have told of so many seconds."""
    process = subprocess.Popen(
        [sys.executable, AGENT / "soak.py", of.argument()], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said: list[Any] = []
    told = dict.fromkeys(of.addresses, 0)
    with process:
        for line in process.stdout:
            said.append(read_line(line, of))
            if isinstance(said[-1], PathSecond):
                told[said[-1].address] += 1
            if min(told.values()) == seconds:
                break
        process.terminate()
    assert process.returncode == 0
    return said


def test_every_query_is_told_once_and_in_order(server: int) -> None:
    said = lines(plan(server), 2)
    assert isinstance(said[0], Started)
    seconds = [line for line in said if isinstance(line, PathSecond)]
    for address in plan().addresses:
        numbers = [second.second for second in seconds if second.address == address]
        assert numbers == list(range(len(numbers)))
    for second in seconds:
        assert len(second.took_ns) == RATE
        for index, took in enumerate(second.took_ns):
            if took == UNASKED:  # this machine was busy
                continue
            which = (second.second * RATE + index) % 3
            good = which == 0 and 0 <= took < 1e9
            expected = {0: good or took == LOST, 1: took == LOST, 2: took in (REFUSED, LOST)}
            assert expected[which], (which, took)
            if second.address == "127.0.0.2":  # where nobody listens
                assert took == LOST
    answered = [took for second in seconds for took in second.took_ns if took >= 0]
    assert answered


def test_lookups_go_on_beside(server: int) -> None:
    calls = [call for line in lines(plan(server), 2) if isinstance(line, Calls) for call in line.calls]
    assert calls
    assert {(call.name, call.failure) for call in calls} == {("localhost", None)}
    assert all(0 <= earlier.at_s < later.at_s for earlier, later in pairwise(calls))


def test_what_it_cannot_do_it_says() -> None:
    done = subprocess.run(
        [sys.executable, AGENT / "soak.py", "{}"], stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    with pytest.raises(ProbeError, match="the soak's program: KeyError"):
        read_line(done.stdout.splitlines()[-1], plan())


@given(st.floats(1e-6, 5.0))
def test_times_survive_their_two_characters(seconds: float) -> None:
    line = f'{{"now":1.5,"path":1,"second":7,"took":"{SOAK.encoded(seconds)}!!--#2"}}'
    read = read_line(line, plan())
    assert isinstance(read, PathSecond)
    assert (read.now_s, read.address, read.second) == (1.5, "127.0.0.2", 7)
    took, *others = read.took_ns
    assert took == pytest.approx(seconds * 1e9, rel=0.003)
    assert others == [LOST, UNASKED, REFUSED]


def test_calls_are_read_with_their_names() -> None:
    read = read_line('{"now":2.0,"calls":[[1.0,0.5,0,"EAI_AGAIN"]]}', plan())
    assert read == Calls(2.0, [Call(1.0, 0.5, "localhost", "EAI_AGAIN")])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "1",
        '{"now":1}',
        '{"now":1,"path":9,"second":0,"took":"!!"}',
        '{"now":1,"path":1,"second":0,"took":""}',
    ],
)
def test_other_lines_are_told_from_the_programs(line: str) -> None:
    assert read_line(line, plan()) == Foreign(line)
