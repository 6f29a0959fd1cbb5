"""When a node's table of connections is full."""

import pytest

from clusterdns.model.conntrack import ConntrackTable, ConntrackUse, use
from clusterdns.model.outcome import Outcome
from clusterdns.verdicts.conntrack import conntrack_table

# As a node of the lab told it whose table had been filled.
BEFORE = ConntrackTable("node-2", 262079, 262144, drops=11, early_drops=0, insert_failures=0)
AFTER = ConntrackTable("node-2", 262039, 262144, drops=1343, early_drops=2, insert_failures=0)


def test_a_table_that_packets_found_full() -> None:
    used = use(BEFORE, AFTER)
    assert used is not None
    verdict = conntrack_table([used])
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == (
        "node-2 tracks 262,079 of 262,144 connections: 1,332 packets that would have begun another were "
        "dropped; 2 were forgotten to make room"
    )


@pytest.mark.parametrize(
    ("used", "outcome"),
    [
        (ConntrackUse("n", 140, 262144, 0, 0, 0), Outcome.PASSED),
        (ConntrackUse("n", 140, 262144, 0, 0, 9), Outcome.PASSED),  # saturation.conntrack judges those
        (ConntrackUse("n", 262144, 262144, 0, 0, 0), Outcome.FAILED),
        (ConntrackUse("n", 262143, 262144, 0, 1, 0), Outcome.FAILED),
        (ConntrackUse("n", 262143, 262144, 1, 0, 0), Outcome.FAILED),
    ],
)
def test_when_it_is_full(used: ConntrackUse, outcome: Outcome) -> None:
    assert conntrack_table([used]).outcome is outcome


def test_counters_that_began_anew_begin_at_nought() -> None:
    used = use(BEFORE, ConntrackTable("node-2", 5, 262144, drops=3, early_drops=None, insert_failures=0))
    assert used == ConntrackUse("node-2", 262079, 262144, drops=3, early_drops=0, insert_failures=0)


def test_a_kernel_that_tracks_nothing_has_no_table() -> None:
    nothing = ConntrackTable("node-1", None, None, None, None, None)
    assert use(nothing, nothing) is None
