from __future__ import annotations

from calendar import timegm
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.dnsmasq_log import lines as dnsmasq_log
from clusterdns.analysis.dnsmasq_log.lines import DnsmasqLog, LineKind
from clusterdns.analysis.dnsmasq_log.requests import UNTIMED

if TYPE_CHECKING:
    from clusterdns.analysis.dnsmasq_log.requests import Requests

# The first lines of what was read off a real kube-dns 1.26.7 (dnsmasq 2.90 under its nanny), while saturated.
REAL = Path(__file__).parents[2] / "data" / "kube-dns-1.26.7-dnsmasq.log"
TWO_LINES = (
    b"dnsmasq[9]: 7 10.0.0.1/5000 query[A] a.example from 10.0.0.1",
    b"dnsmasq[9]: 7 10.0.0.1/5000 cached a.example is NXDOMAIN",
)


def read(lines: list[bytes], year: int = 2026) -> tuple[DnsmasqLog, list[Requests]]:
    log = DnsmasqLog((line + b"\n" for line in lines), year)
    return log, list(log)


def rows(lines: list[bytes]) -> list[tuple[bytes, ...]]:
    """Return PID, serial, client, action, name, answer of every request."""
    return sorted(
        row
        for batch in read(lines)[1]
        for row in zip(
            *(batch.pids, batch.serials, batch.clients, batch.actions, batch.names, batch.answers),
            strict=True,
        )
    )


def times(lines: list[bytes], year: int = 2026) -> list[tuple[int | None, int | None]]:
    _, batches = read(lines, year)
    return [
        (None if first == UNTIMED else first, None if last == UNTIMED else last)
        for batch in batches
        for first, last in zip(batch.first_us.tolist(), batch.last_us.tolist(), strict=True)
    ]


def at(*clock: int) -> int:
    return timegm(clock) * 1_000_000


def test_a_real_log_has_no_unknown_line() -> None:
    with REAL.open("rb") as file:
        log = DnsmasqLog(file, 2026)
        batches = list(log)
    assert log.lines == 240
    assert log.counts[LineKind.UNKNOWN] == log.counts[LineKind.NO_SERIAL] == 0
    assert log.counts[LineKind.MESSAGE] == 8
    assert log.counts[LineKind.OTHER_PROGRAM] == 1
    assert sum(map(len, batches)) == 81


def test_a_request_is_all_lines_of_a_serial() -> None:
    lines = [
        b"dnsmasq[37]: 2462 10.244.1.1/28605 query[A] x.default.svc.cluster.local from 10.244.1.1",
        b"dnsmasq[11]: 5 fd00::1/600 query[AAAA] y.example from fd00::1",
        b"dnsmasq[37]: 2462 10.244.1.1/28605 forwarded x.default.svc.cluster.local to 127.0.0.1#10053",
        b"dnsmasq[11]: 5 fd00::1/600 /etc/hosts y.example is fd00::9",
        b"dnsmasq[37]: 2462 10.244.1.1/28605 reply x.default.svc.cluster.local is NXDOMAIN",
    ]
    assert rows(lines) == [
        (b"11", b"5", b"fd00::1/600", b"query[AAAA]", b"y.example", b"fd00::9"),
        (b"37", b"2462", b"10.244.1.1/28605", b"query[A]", b"x.default.svc.cluster.local", b"NXDOMAIN"),
    ]


def test_a_name_may_be_is() -> None:
    log, _ = read([b"dnsmasq[9]: 7 10.0.0.1/53 query[A] is from 10.0.0.1"])
    assert log.counts[LineKind.NO_ANSWER] == 1
    lines = [
        b"dnsmasq[9]: 7 10.0.0.1/53 %s" % text
        for text in (b"query[A] is from 10.0.0.1", b"reply is is NXDOMAIN")
    ]
    assert [row[-2:] for row in rows(lines)] == [(b"is", b"NXDOMAIN")]


STAMPS = {
    "klog": (
        b"I1123 12:54:57.163325       1 nanny.go:148] ",
        b"I1123 12:54:58.000001       1 nanny.go:148] ",
        (at(2026, 11, 23, 12, 54, 57) + 163_325, at(2026, 11, 23, 12, 54, 58) + 1),
    ),
    "kubelet": (
        b"2025-11-23T12:54:57.1633251Z ",
        b"2025-11-23T12:54:58.01Z ",
        (at(2025, 11, 23, 12, 54, 57) + 163_325, at(2025, 11, 23, 12, 54, 58) + 10_000),
    ),
    "both": (
        b"2025-11-23T12:54:57.2Z I1123 12:54:57.163325       1 nanny.go:148] ",
        b"2025-11-23T12:54:58.2Z I1123 12:54:58.000001       1 nanny.go:148] ",
        (at(2025, 11, 23, 12, 54, 57) + 163_325, at(2025, 11, 23, 12, 54, 58) + 1),
    ),
    "syslog": (
        b"Nov  3 12:54:57 host ",
        b"Nov  3 12:54:58 host ",
        (at(2026, 11, 3, 12, 54, 57), at(2026, 11, 3, 12, 54, 58)),
    ),
    "none": (b"", b"", (None, None)),
}


@pytest.mark.parametrize(("first", "last", "expected"), STAMPS.values(), ids=STAMPS)
def test_stamps(first: bytes, last: bytes, expected: tuple[int | None, int | None]) -> None:
    assert times([first + TWO_LINES[0], last + TWO_LINES[1]]) == [expected]


def test_stamps_of_several_forms_are_read_line_by_line() -> None:
    pairs = [
        [stamp + line for stamp, line in zip(case[:2], TWO_LINES, strict=True)] for case in STAMPS.values()
    ]
    lines = [line.replace(b": 7", b": %d" % index) for index, pair in enumerate(pairs) for line in pair]
    # The kubelet's stamps tell the year from then on.
    assert times(lines, 2025)[0] == (at(2025, 11, 23, 12, 54, 57) + 163_325, at(2025, 11, 23, 12, 54, 58) + 1)
    assert [first is None for first, _ in times(lines)] == [False, False, False, False, True]


def test_the_year_turns_in_a_log_that_does_not_tell_it() -> None:
    lines = [
        b"I1231 23:59:59.999999  1 n.go:1] " + TWO_LINES[0],
        b"I0101 00:00:00.000001  1 n.go:1] " + TWO_LINES[1],
    ]
    ((first, last),) = times(lines, 2025)
    assert (first, last) == (at(2026, 1, 1, 0, 0, 0) - 1, at(2026, 1, 1, 0, 0, 0) + 1)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"dnsmasq[11]: started, version 2.90 cachesize 1000", LineKind.MESSAGE),
        (b"dnsmasq[11]: read /etc/hosts - 9 names", LineKind.MESSAGE),
        (b"dnsmasq-dhcp[11]: DHCP, IP range 10.0.0.1 -- 10.0.0.9", LineKind.MESSAGE),
        (b"dnsmasq[11]: Maximum number of concurrent DNS queries reached (max: 150)", LineKind.FORWARD_LIMIT),
        (b"dnsmasq[11]: query[A] a.example from 10.0.0.1", LineKind.NO_SERIAL),
        (b"dnsmasq[11]: reply a.example is 10.0.0.7", LineKind.NO_SERIAL),
        (
            b"E1123 12:54:52.108875       1 sync_dir.go:66] Error loading config: lstat /etc: no",
            LineKind.OTHER_PROGRAM,
        ),
        (b"\x00\xff\x7fELF dnsmasq[", LineKind.UNKNOWN),
        (b"dnsmasq[9]: 8 10.0.0.1/5000 query[A]", LineKind.UNKNOWN),
        (b"dnsmasq[9]: 8 10.0.0.1/5000 query[A] a.exam", LineKind.UNKNOWN),
        (b"dnsmasq[9]: 7 10.0", LineKind.UNKNOWN),
    ],
)
def test_lines_that_belong_to_no_request_are_counted(line: bytes, kind: LineKind) -> None:
    log, batches = read([TWO_LINES[0], line, line, TWO_LINES[1]])
    assert log.counts[kind] in (1, 2)  # a request that began is counted once
    assert [name for batch in batches for name in batch.names] == [b"a.example"]


def test_a_line_that_holds_the_beginning_of_another() -> None:
    quoting = TWO_LINES[0] + b" dnsmasq[9]: 8 10.0.0.1 query[A] b.example from 10.0.0.1"
    other = TWO_LINES[0].replace(b" 7 ", b" 6 ").replace(b"a.example from 10.0.0.1", b"")
    _, batches = read([quoting, TWO_LINES[1], other])
    assert [name for batch in batches for name in batch.names] == [b"a.example"]


def test_missing_ends_are_counted() -> None:
    log, _ = read([TWO_LINES[0]])
    assert log.counts[LineKind.NO_ANSWER] == 1
    log, batches = read([TWO_LINES[1]])
    assert log.counts[LineKind.NO_BEGINNING] == 1
    assert list(batches[0].answers) == [b"NXDOMAIN"]


def interleaved(requests: int, behind: int) -> list[bytes]:
    """Return requests whose answers come `behind` queries later."""
    lines = []
    for index in range(requests + behind):
        if index < requests:
            lines.append(b"dnsmasq[9]: %d 10.0.0.1/53 query[A] n%d from 10.0.0.1" % (index, index))
        if index >= behind:
            lines.append(
                b"dnsmasq[9]: %d 10.0.0.1/53 reply n%d is 10.0.0.7" % (index - behind, index - behind)
            )
    return lines


@given(requests=st.integers(0, 60), behind=st.integers(0, 60), window=st.integers(1, 40))
def test_requests_do_not_depend_on_how_lines_come(requests: int, behind: int, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dnsmasq_log, "_WINDOW", window)
        log, batches = read(interleaved(requests, behind))
    names = [name for batch in batches for name in batch.names]
    assert sorted(names) == sorted(b"n%d" % index for index in range(requests))
    assert log.counts[LineKind.NO_ANSWER] == 0


def test_what_waits_for_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnsmasq_log, "_WINDOW", 10)
    monkeypatch.setattr(dnsmasq_log, "_WAITING", 20)
    log, batches = read(interleaved(100, 100))
    answers = [answer for batch in batches for answer in batch.answers]
    assert answers.count(b"") == log.counts[LineKind.NO_ANSWER] > 50
    assert log.counts[LineKind.NO_BEGINNING] > 50
