from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clusterdns.analysis.dnsmasq_log import sessions as module
from clusterdns.analysis.dnsmasq_log.sessions import CHILD_LIFETIME_US, Level, Sessions
from clusterdns.analysis.texts import Texts

if TYPE_CHECKING:
    import pytest

SECOND = 1_000_000


def sessions(*rows: tuple[int, int, int, int], limit: int = 20) -> Sessions:
    """Return the sessions of requests: PID, client's port, first and last line in seconds."""
    found = Sessions(limit=limit, worst=2)
    take(found, *rows)
    found.finish()
    return found


def take(found: Sessions, *rows: tuple[int, int, int, int]) -> None:
    pids, ports, firsts, lasts = np.array(rows, np.int64).T
    found.take(
        Texts.of([b"%d" % pid for pid in pids]),
        Texts.of([b"10.0.0.1/%d" % port for port in ports]),
        firsts * SECOND,
        lasts * SECOND,
    )


def test_a_session_is_a_childs_first_query_to_its_last_reply() -> None:
    (one,) = sessions((30, 5000, 100, 101), (30, 5000, 103, 107), (30, 5000, 104, 105)).longest()
    assert (one.pid, one.client, one.requests) == ("30", "10.0.0.1/5000", 3)
    assert (one.first_us, one.microseconds) == (100 * SECOND, 7 * SECOND)


def test_a_clock_that_was_set_back_makes_no_time_negative() -> None:
    (one,) = sessions((30, 5000, 100, 40)).longest()
    assert (one.first_us, one.microseconds) == (100 * SECOND, 0)


def test_who_serves_two_sockets_is_no_child() -> None:
    found = sessions((11, 5000, 100, 101), (30, 6000, 100, 103), (11, 5001, 102, 102), (11, 5000, 103, 104))
    assert [one.pid for one in found.longest()] == ["30"]
    assert len(found.durations) == 1


def test_a_pid_comes_again_when_its_child_must_have_ended() -> None:
    later = 100 + CHILD_LIFETIME_US // SECOND
    found = sessions((30, 5000, 100, 101), (30, 6000, later, later + 2))
    assert [one.client for one in found.longest()] == ["10.0.0.1/6000", "10.0.0.1/5000"]
    assert found.reused == 1


def test_the_moment_of_saturation() -> None:
    found = sessions((30, 1, 10, 20), (31, 2, 12, 16), (32, 3, 16, 18), (33, 4, 30, 30), limit=2).concurrency
    assert (found.peak, found.peak_us) == (3, 16 * SECOND)  # an end comes after a beginning of the same time
    assert found.saturated_us == 12 * SECOND
    assert found.saturation == 6 * SECOND


def test_sessions_are_settled_while_more_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BINS", 64)
    found = Sessions(limit=20, worst=2)
    for index in range(2000):  # two at a time, for an hour and a half
        take(found, (index, index, index * 3, index * 3 + 4))
        assert len(found._open) + len(found._edges) < 200
    found.finish()
    assert len(found.durations) == 2000
    assert found.concurrency.peak == 2
    assert found.concurrency.width > 60 * SECOND
    assert set(found.concurrency.bins.values()) == {2}


def test_bins_of_a_timeline_are_merged() -> None:
    level = Level(limit=9)
    level.follow((at * SECOND, step) for at in range(10_000) for step in (1, -1))
    assert len(level.figures.bins) <= 4096
    assert set(level.figures.bins.values()) == {1}
