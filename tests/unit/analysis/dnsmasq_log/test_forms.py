"""One exchange in every form that loggers and collectors give it: the figures are the same in all.

Four requests: two by UDP that end in NXDOMAIN, and two by TCP, each of a child of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from clusterdns.analysis.dnsmasq_log import DnsmasqLog, LineKind, LogTally, analyse, report

BEGIN = datetime(2026, 6, 12, 8, 20, 30, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=2))
EXCHANGE = [
    (0, 7, "101 10.4.0.9/40001 query[A] www.example.com.svc.cluster.local from 10.4.0.9"),
    (300, 7, "101 10.4.0.9/40001 forwarded www.example.com.svc.cluster.local to 127.0.0.1#10053"),
    (1200, 7, "101 10.4.0.9/40001 reply www.example.com.svc.cluster.local is NXDOMAIN"),
    (2000, 7, "102 10.4.0.8/40002 query[AAAA] www.example.com.cluster.local from 10.4.0.8"),
    (5400, 7, "102 10.4.0.8/40002 reply www.example.com.cluster.local is NXDOMAIN"),
    (10_000, 41, "103 10.4.0.9/50001 query[A] www.example.com from 10.4.0.9"),
    (12_000, 41, "103 10.4.0.9/50001 forwarded www.example.com to 8.8.8.8"),
    (30_000, 41, "103 10.4.0.9/50001 reply www.example.com is 192.0.2.7"),
    (40_000, 42, "104 10.4.0.7/50002 query[A] web.shop.svc.cluster.local from 10.4.0.7"),
    (40_300, 42, "104 10.4.0.7/50002 cached web.shop.svc.cluster.local is 10.96.0.1"),
]
MICROSECONDS = [300, 1200, 3400, 20_000]

Form = Callable[[datetime, int, str], str]


def tag(pid: int, text: str) -> str:
    return f"dnsmasq[{pid}]: {text}"


def klog(at: datetime, pid: int, text: str) -> str:
    return f"I{at:%m%d %H:%M:%S.%f}       1 nanny.go:146] {tag(pid, text)}"


def local(at: datetime) -> datetime:
    return at.astimezone(BERLIN)


def rfc3339(at: datetime) -> str:
    """Write a time with nanoseconds and without the zeros at their end, as Go does."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at:%f}".rstrip("0").rstrip(".") + "Z"


def since_1970(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def journal_json(at: datetime, pid: int, text: str) -> str:
    entry = {
        "__REALTIME_TIMESTAMP": str(since_1970(at)),
        "_HOSTNAME": "dns1",
        "SYSLOG_IDENTIFIER": "dnsmasq",
        "_PID": str(pid),
        "MESSAGE": text,
    }
    return json.dumps(entry)


def cloud_logging(at: datetime, pid: int, text: str) -> str:
    entry = {"severity": "INFO", "textPayload": tag(pid, text), "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}123Z"}
    return json.dumps({**entry, "resource": {"labels": {"container_name": "dnsmasq"}}})


PRECISE: dict[str, Form] = {
    "klog": klog,
    "kubectl --prefix": lambda *line: f"[pod/kube-dns-5d4c-x/dnsmasq] {klog(*line)}",
    "kubectl --timestamps": lambda at, pid, text: f"{rfc3339(at)} {tag(pid, text)}",
    "kubectl --prefix --timestamps": (
        lambda at, pid, text: f"[pod/kube-dns-5d4c-x/dnsmasq] {rfc3339(at)} {tag(pid, text)}"
    ),
    "stern": lambda *line: f"kube-dns-5d4c-x dnsmasq {klog(*line)}",
    "CRI": lambda at, pid, text: f"{at:%Y-%m-%dT%H:%M:%S.%f}123Z stderr F {tag(pid, text)}",
    "CRI around klog, in local time": (
        lambda at, pid, text: f"{local(at):%Y-%m-%dT%H:%M:%S.%f}123+02:00 stderr F {klog(at, pid, text)}"
    ),
    "docker": lambda *line: json.dumps(
        {"log": f"{klog(*line)}\n", "stream": "stderr", "time": rfc3339(line[0])}
    ),
    "Cloud Logging": cloud_logging,
    "Loki, by tabs": lambda at, pid, text: f'{rfc3339(at)}\t{{container="dnsmasq"}}\t{tag(pid, text)}',
    "Loki, JSON": lambda at, pid, text: json.dumps(
        {"labels": {"container": "dnsmasq"}, "line": tag(pid, text), "timestamp": rfc3339(at)}
    ),
    "journalctl -o short-precise": lambda at, pid, text: f"{at:%b %d %H:%M:%S.%f} dns1 {tag(pid, text)}",
    "journalctl -o short-iso-precise": (
        lambda at, pid, text: f"{local(at):%Y-%m-%dT%H:%M:%S.%f}+0200 dns1 {tag(pid, text)}"
    ),
    "journalctl -o short-unix": (lambda at, pid, text: f"{since_1970(at) / 1e6:.6f} dns1 {tag(pid, text)}"),
    "journalctl -o short-monotonic": (
        lambda at, pid, text: f"[{since_1970(at) / 1e6 % 1e5:12.6f}] dns1 {tag(pid, text)}"
    ),
    "journalctl -o json": journal_json,
    "journalctl -o json-sse": lambda *line: f"data: {journal_json(*line)}\n",
    "journalctl -o json-seq": lambda *line: f"\x1e{journal_json(*line)}",
    "RFC 5424 as rsyslog writes it": (
        lambda at, pid, text: f"{local(at):%Y-%m-%dT%H:%M:%S.%f}+02:00 dns1 {tag(pid, text)}"
    ),
    "RFC 5424": (
        lambda at, pid, text: f"<30>1 {local(at):%Y-%m-%dT%H:%M:%S.%f}+02:00 dns1 dnsmasq {pid} - - {text}"
    ),
    "DNSSEC": lambda at, pid, text: klog(at, pid, text) + " (DNSSEC signed)" * (" is " in text),
    "CRLF": lambda *line: f"{klog(*line)}\r",
    "BOM": lambda *line: ("\ufeff" if line[0] == BEGIN else "") + klog(*line),
    "FTL": lambda at, pid, text: klog(at, pid, f"{'TCP' if pid > 7 else 'UDP'} {text}"),
}
SECONDS: dict[str, Form] = {
    "RFC 3164": lambda at, pid, text: f"{at:%b %d %H:%M:%S} dns1 {tag(pid, text)}",
    "RFC 3164 with its priority": lambda at, pid, text: f"<30>{at:%b %d %H:%M:%S} dns1 {tag(pid, text)}",
    "journalctl -o short-iso": (
        lambda at, pid, text: f"{local(at):%Y-%m-%dT%H:%M:%S}+0200 dns1 {tag(pid, text)}"
    ),
    "journalctl -o short-full": lambda at, pid, text: f"{at:%a %Y-%m-%d %H:%M:%S} UTC dns1 {tag(pid, text)}",
    "journalctl -o with-unit": (
        lambda at, pid, text: f"{at:%a %Y-%m-%d %H:%M:%S} UTC dns1 dnsmasq.service[{pid}]: {text}"
    ),
}


def read(form: Form) -> tuple[DnsmasqLog, LogTally]:
    lines = [
        form(BEGIN + timedelta(microseconds=at), pid, text).encode("utf-8") for at, pid, text in EXCHANGE
    ]
    return analyse((part for line in lines for part in line.split(b"\n")), limit=20)


def understood(log: DnsmasqLog, summary: LogTally) -> None:
    assert (summary.requests, summary.answered, summary.nxdomain, log.not_understood) == (4, 4, 2, 0)
    assert "50.0% NXDOMAIN" in next(iter(report(log, summary, 10, "cluster.local")))


@pytest.mark.parametrize("form", PRECISE.values(), ids=PRECISE)
def test_forms_with_microseconds(form: Form) -> None:
    log, summary = read(form)
    understood(log, summary)
    assert sorted(request.microseconds for request in summary.slowest()) == MICROSECONDS
    assert sorted(session.pid for session in summary.sessions.longest()) == ["41", "42"]


@pytest.mark.parametrize("form", SECONDS.values(), ids=SECONDS)
def test_forms_with_whole_seconds_tell_no_shorter_time(form: Form) -> None:
    log, summary = read(form)
    understood(log, summary)
    assert sorted(session.pid for session in summary.sessions.longest()) == ["41", "42"]
    told = "\n".join(report(log, summary, 10, "cluster.local"))
    assert "stamps tell whole seconds" in told
    assert " ms" not in told


def test_without_stamps_sessions_are_counted() -> None:
    log, summary = read(lambda _, pid, text: tag(pid, text))
    understood(log, summary)
    assert (len(summary.durations), summary.sessions.untimed) == (0, 2)


@pytest.mark.parametrize("writer", ["dnsmasq: ", ""])
def test_without_a_pid_nothing_tells_of_sessions(writer: str) -> None:
    log, summary = read(lambda _, __, text: writer + text)
    understood(log, summary)
    assert (summary.without_pid, len(summary.sessions.longest()), summary.sessions.untimed) == (4, 0, 0)


def test_answers_of_a_filtering_resolver() -> None:
    """Blocked, stale and failed names are answers as others are."""
    texts = [
        "101 10.4.0.9/1 query[A] ads.example from 10.4.0.9",
        "101 10.4.0.9/1 gravity blocked ads.example is 0.0.0.0",
        "102 10.4.0.9/2 query[A] stale.example from 10.4.0.9",
        "102 10.4.0.9/2 cached-stale stale.example is 192.0.2.9",
        "103 10.4.0.9/3 query[A] bad.example from 10.4.0.9",
        "103 10.4.0.9/3 forwarded bad.example to 8.8.8.8",
        "103 10.4.0.9/3 reply error is SERVFAIL (EDE: no reachable authority)",
        "104 10.4.0.9/4 query[A] router.lan from 10.4.0.9",
        "104 10.4.0.9/4 /etc/hosts router.lan is 192.168.1.1",
        "105 10.4.0.9/5 query[A] gone.example from 10.4.0.9",
        "105 10.4.0.9/5 config gone.example is NXDOMAIN",
    ]
    log, summary = analyse((f"Jun 12 10:20:30 dnsmasq[7]: {text}".encode() for text in texts), limit=20)
    assert (summary.requests, summary.answered, summary.nxdomain, log.not_understood) == (5, 5, 1, 0)
    assert summary.sessions.longest() == []


def test_a_log_of_nothing_but_the_forward_limit() -> None:
    line = klog(BEGIN, 9, "Maximum number of concurrent DNS queries reached (max: 150)").encode()
    log, summary = analyse([line, line], limit=20)
    assert (summary.requests, log.counts[LineKind.FORWARD_LIMIT]) == (0, 2)
