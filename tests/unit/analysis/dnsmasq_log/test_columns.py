"""Lines read by column tell what they tell when they are read one by one."""

from __future__ import annotations

from dataclasses import fields
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterdns.analysis.dnsmasq_log import DnsmasqLog, LogError, LogTally, report
from clusterdns.analysis.dnsmasq_log import lines as module
from clusterdns.analysis.dnsmasq_log.columns import Window
from clusterdns.analysis.dnsmasq_log.requests import Requests
from clusterdns.analysis.dnsmasq_log.stamps import Stamps
from tests.unit.fuzzing import damaged

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS = (
    b"query[A] %s from 10.0.0.1",
    b"query[AAAA] %s from 10.0.0.1",
    b"forwarded %s to 127.0.0.1#10053",
    b"reply %s is NXDOMAIN",
    b"reply %s is 192.0.2.7",
    b"reply %s is <CNAME>",
    b"cached %s is NODATA-IPv6",
    b"/etc/hosts %s is fd00::1",
)
NAMES = (b"a.example", b"b.example.default.svc.cluster.local", b"is", b"A.example", b"x" * 30, b"x" * 31, b"")
ODD_ACTIONS = (
    b"reply %s is (null)",
    b"reply %s is NXDOMAIN (DNSSEC signed)",
    b"%s is from 10.0.0.1",
    b"reply error is REFUSED (EDE: not ready)",
    b"query[A] dnsmasq[7]: 9 10.0.0.1/53 %s",
    b"reply %s is ",
    b'reply %s is "text"',
    b"config %s\tis NXDOMAIN",
    b"query[A] %s",
    b"",
)
STRAYS = (
    b"I1123 12:00:00.000007       1 nanny.go:108] dnsmasq[7]: Maximum number of concurrent DNS queries",
    b"E1123 12:54:52.108875       1 sync_dir.go:66] Error loading config: lstat /etc: no",
    b"dnsmasq[7]: started, version 2.90 cachesize 1000",
    b"I1123 12:00:00.000009       1 nanny.go:108] dnsmasq[7]: query[A] a.example from 10.0.0.1",
    b"2025-06-12T10:20:30.000000Z an entry that tells a year",
    b"",
    b"nothing that anybody knows",
)


def klog(micro: int) -> bytes:
    return b"I1123 12:00:%02d.%06d       1 nanny.go:148]" % (micro // 1_000_000 % 60, micro % 1_000_000)


def kubelet(micro: int) -> bytes:
    fraction = b"%09d" % (micro % 1_000_000 * 1000)
    return b"2026-11-23T12:00:%02d.%sZ" % (micro // 1_000_000 % 60, fraction.rstrip(b"0") or b"0")


# Not both in one log: of which year a stamp is that tells none depends on those that were read before.
ODD_STAMPS: dict[Callable[[int], bytes], tuple[bytes, ...]] = {
    klog: (b"I1223 12:00:10.000000 1", b"I1123 12:00:10 1"),
    kubelet: (b"2026-11-23T12:00:10Z", b"2025-11-23T12:00:10.1Z"),
}


def line(random: Random, micro: int, stamped: Callable[[int], bytes] = klog, *, odd: float) -> bytes:
    """Return a line of one of a few requests, most probably of the common form."""
    stamp = random.choice(ODD_STAMPS[stamped]) if random.random() < odd / 20 else stamped(micro)
    serial, pid = random.choice((1, 2, 3, 12345678, 123456789)), random.choice((7, 7, 7, 41, 42))
    client = random.choice((b"10.0.0.1/53", b"10.0.0.1/53535", b"fd00::1/1024", b"10.0.0.12/5"))
    if random.random() < odd / 10:
        client = random.choice((b"10.0.0.1", b"10/0/1", b"10.0.0.1/123456", b"/53", b""))
    actions = ODD_ACTIONS if random.random() < odd else ACTIONS
    action = random.choice(actions)
    text = action % random.choice(NAMES[:-1]) if b"%s" in action else action
    writer = b"dnsmasq[%d]:" % pid if random.random() >= odd / 10 else b"dnsmasq[]:"
    return b"%s %s %d %s %s" % (stamp, writer, serial, client, text)


def log(random: Random) -> list[bytes]:
    """Return lines of the common form, in order or not, with none, few or many others among them."""
    odd = random.choice((0, 0, 0.02, 0.3))
    step = random.choice(((0, 60), (0, 2_000_000), (-30, 60)))
    stamped = random.choice((klog, kubelet))
    lines, micro = [], 10_000_000
    for _ in range(random.randrange(80)):
        lines.append(
            random.choice(STRAYS) if random.random() < odd / 2 else line(random, micro, stamped, odd=odd)
        )
        micro = max(micro + random.randint(*step), 0)
    return lines[::-1] if random.random() < 1 / 16 else lines


def told(blocks: list[bytes]) -> tuple[Any, ...]:
    """Return all that a log tells, request by request and in sum."""
    read = DnsmasqLog(blocks, 2026)
    batches: list[Requests] = []
    try:
        batches += read
    except LogError as error:
        return (str(error),)
    columns = {
        field.name: [list(getattr(batch, field.name)) for batch in batches] for field in fields(Requests)
    }
    summary = LogTally.of(batches, limit=3, worst=4)
    return columns, +read.counts, read.lines, list(report(read, summary, 4, "cluster.local"))


def agree(lines: list[bytes], window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WINDOW", window)
        by_column = told(lines)
        patch.setattr(Window, "of", lambda *_: None)
        assert by_column == told(lines)


@given(seed=st.integers(0, 2**64 - 1), window=st.integers(1, 100))
def test_both_ways_agree(seed: int, window: int) -> None:
    agree(log(Random(seed)), window)  # noqa: S311 - repeatable


@given(seed=st.integers(0, 2**64 - 1), window=st.integers(1, 100))
@example(seed=42747, window=1)  # "is" before the program's name
def test_both_ways_agree_on_damaged_logs(seed: int, window: int) -> None:
    random = Random(seed)  # noqa: S311 - repeatable
    agree(damaged([b"\n".join(log(random))], random).split(b"\n"), window)


@pytest.mark.parametrize("stamped", [klog, kubelet])
def test_common_forms_are_read_by_column(stamped: Callable[[int], bytes]) -> None:
    random = Random(18)  # noqa: S311 - repeatable
    lines = [line(random, micro, stamped, odd=0) for micro in range(200)]
    for text in (lines, [*lines[:100], STRAYS[0], *lines[100:]], lines[:50] + lines[150:] + lines[50:150]):
        window = Window.of(b"\n".join(text), Stamps(2026))
        assert window is not None
        assert window.lines == len(text)
