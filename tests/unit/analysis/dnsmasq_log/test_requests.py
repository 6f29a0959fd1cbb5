from __future__ import annotations

from typing import TYPE_CHECKING

from clusterdns.analysis.dnsmasq_log import requests as dnsmasq_requests
from clusterdns.analysis.dnsmasq_log.requests import LogTally, Requests
from clusterdns.analysis.expansions import Base, by_base

if TYPE_CHECKING:
    import pytest


def batch(*rows: tuple[int | None, int | None, str, str]) -> Requests:
    """Return requests of PID 9: first and last line in microseconds, name, answer."""
    first, last, names, answers = zip(*rows, strict=True)
    told = [
        (b"9", b"%d" % serial, b"10.0.0.%d/5000" % ((serial - 1) % 2), b"query[A]", name.encode())
        for serial, name in enumerate(names, 1)
    ]
    return Requests.of(first, last, told, [answer.encode() for answer in answers])


def test_a_summary_counts_and_times() -> None:
    rows = batch((1000, 1500, "a", "10.0.0.9"), (2000, 5000, "b", "NXDOMAIN"), (3000, 3100, "a", "NXDOMAIN"))
    summary = LogTally.of([rows], limit=20, worst=2)
    assert (summary.requests, summary.nxdomain, summary.seconds) == (3, 2, 0.004)
    assert (len(summary.durations), summary.durations.maximum) == (3, 3000)
    assert [(one.serial, one.microseconds, one.name) for one in summary.slowest()] == [
        ("2", 3000, "b"),
        ("1", 500, "a"),
    ]
    assert summary.names == {b"a": 2, b"b": 1}
    assert summary.clients == {b"10.0.0.0": 2, b"10.0.0.1": 1}


def test_what_has_no_answer_or_no_time_is_counted_but_not_timed() -> None:
    rows = batch((1000, 1500, "a", ""), (None, None, "b", "NXDOMAIN"), (2000, 2100, "c", "NXDOMAIN"))
    summary = LogTally.of([rows], limit=20)
    assert (summary.requests, summary.nxdomain, len(summary.durations)) == (3, 2, 1)
    assert LogTally.of([batch((None, None, "b", "NXDOMAIN"))], limit=20).seconds == 0


def test_a_clock_that_was_set_back_gives_no_duration() -> None:
    summary = LogTally.of([batch((2000, 1000, "a", "NXDOMAIN"), (3000, 3001, "b", "NXDOMAIN"))], limit=20)
    assert len(summary.durations) == 1


def test_tables_keep_what_is_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnsmasq_requests, "_ENTRIES", 100)
    rows = [(at, at, name, "NXDOMAIN") for at in range(500) for name in (f"rare{at}", "frequent")]
    summary = LogTally.of([batch(*rows[at : at + 10]) for at in range(0, 1000, 10)], limit=20)
    assert len(summary.names) <= 100
    assert summary.names.most_common(1) == [(b"frequent", 500)]


def test_names_are_grouped_by_what_they_expand() -> None:
    search = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "google.internal"]
    names = {f"API.example.com.{suffix}": 2 for suffix in search}
    names |= {
        "api.example.com": 2,
        "kubernetes.default.svc.cluster.local": 7,
        "web.shop.svc.cluster.local": 1,
    }
    assert by_base(names, "cluster.local") == [
        Base("api.example.com", 10, 5, 2),
        Base("kubernetes.default", 7, 1, 7),
        Base("web.shop", 1, 1, 1),
    ]
