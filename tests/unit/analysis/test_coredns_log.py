from pathlib import Path

import pytest

from clusterdns.analysis.coredns_log import ForwardTimeout, forward_timeouts

DATA = Path(__file__).parents[1] / "data"


def test_every_line_of_a_real_node_cache_is_a_timeout_by_tcp() -> None:
    lines = (DATA / "node-cache-1.26.7-timeouts.txt").read_text().splitlines()
    found = list(forward_timeouts(lines))
    assert len(found) == len(lines)
    assert {(one.phase, one.transport, one.address) for one in found} == {("dial", "tcp", "10.96.0.21")}
    assert found[0].name == "api425.signicat.com.default.svc.cluster.local."


def test_a_read_names_the_far_end_and_other_errors_are_passed_over() -> None:
    read = "[ERROR] plugin/errors: 2 a.example. AAAA: read udp 10.244.1.2:4242->8.8.8.8:53: i/o timeout"
    six = "[ERROR] plugin/errors: 2 b.example. A: read tcp [fd00::1]:40000->[fd00::a]:53: i/o timeout"
    other = "[ERROR] plugin/errors: 2 c.example. A: dial tcp 10.96.0.21:53: connect: connection refused"
    assert list(forward_timeouts([read, other, six, "[INFO] 127.0.0.1"])) == [
        ForwardTimeout("a.example.", "AAAA", "read", "udp", "8.8.8.8", read),
        ForwardTimeout("b.example.", "A", "read", "tcp", "fd00::a", six),
    ]


def test_every_form_of_a_timeout() -> None:
    escaped = (
        r"{\"log\":\"[ERROR] plugin/errors: 2 a. A: read udp 10.0.0.6:3-\u003e10.0.0.16:53: i/o timeout\n\"}"
    )
    lines = {
        escaped.replace('\\"', '"'): ("read", "udp", "10.0.0.16", 1),
        "[WARNING] plugin/errors: 2 a. A: read udp [fe80::2%e0]:1->[FE80::1%e0]:53: i/o timeout": (
            *("read", "udp", "fe80::1%e0", 1),
        ),
        "[ERROR] 2 a. A: unreachable backend: read udp 10.0.0.2:3->10.0.0.9:53: i/o timeout": (
            *("read", "udp", "10.0.0.9", 1),
        ),
        "[ERROR] plugin/errors: 2 a. A: dial tcp4 10.0.0.9:53: i/o timeout": ("dial", "tcp", "10.0.0.9", 1),
        "[ERROR] plugin/errors: 5 errors like '^read udp .* i/o timeout$' occurred in last 30s": (
            *("read", "udp", "", 5),
        ),
        "[WARNING] plugin/errors: 15 errors like '.*i/o timeout$' occurred in last 5m0s": ("", "", "", 15),
    }
    found = list(forward_timeouts([*lines, "[ERROR] plugin/errors: 2 a. A: EOF"]))
    assert [(slow.phase, slow.transport, slow.address, slow.count) for slow in found] == [*lines.values()]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("a.x. A: dial tcp 10.0.0.6:53: i/o timeout", "a.x. A dial tcp 10.0.0.6"),
        ("a.x. A: dial tcp 10.0.0.6:53: connect: connection timed out", "a.x. A dial tcp 10.0.0.6"),
        ("a.x. AAAA: read udp [fd00::7]:4->[fd00::a]:53: i/o timeout", "a.x. AAAA read udp fd00::a"),
        (
            "1.2. HINFO: unreachable backend: read udp 10.0.0.2:4->10.0.0.6:53: i/o timeout",
            "1.2. HINFO read udp 10.0.0.6",
        ),
        (
            r"my\032name._http._tcp.x. PTR: read udp 10.0.0.1:1->10.0.0.6:53: i/o timeout",
            r"my\032name._http._tcp.x. PTR read udp 10.0.0.6",
        ),
        (
            "A.X. TYPE65: read udp 10.0.0.1:1->[FE80::1%eth0]:53: i/o timeout",
            "A.X. TYPE65 read udp fe80::1%eth0",
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "2026-06-04T14:43:24.068114112Z stderr F "])
def test_what_a_timeout_tells(prefix: str, error: str, expected: str) -> None:
    (slow,) = forward_timeouts([f"{prefix}[ERROR] plugin/errors: 2 {error}"])
    assert f"{slow.name} {slow.rtype} {slow.phase} {slow.transport} {slow.address}" == expected


@pytest.mark.parametrize("error", ["EOF", "read tcp 10.0.0.1:4->10.0.0.6:53: read: connection reset by peer"])
def test_what_is_no_timeout(error: str) -> None:
    assert list(forward_timeouts([f"[ERROR] plugin/errors: 2 timeout.x. A: {error}"])) == []
