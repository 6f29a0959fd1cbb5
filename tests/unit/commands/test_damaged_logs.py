"""Logs as they come from bad nights: a right figure, or one clear line."""

from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

import pytest

from clusterdns.cli import main

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def request(at_s: float, serial: int, name: bytes = b"a.example", *, apart: bytes = b"\n") -> bytes:
    """A request and its answer, half a millisecond later."""
    lines = []
    for moment, text in (
        (at_s, b"query[A] %s from 10.0.0.1" % name),
        (at_s + 0.0005, b"cached %s is NXDOMAIN" % name),
    ):
        second, micro = divmod(round(moment * 1e6), 1_000_000)
        clock = b"%02d:%02d:%02d.%06d" % (second // 3600, second // 60 % 60, second % 60, micro)
        lines.append(b"I1123 %s       1 n.go:1] dnsmasq[9]: %d 10.0.0.1/53 %s" % (clock, serial, text))
    return apart.join(lines) + b"\n"


def steady(count: int, start_s: float = 43_200) -> bytes:
    return b"".join(request(start_s + serial, serial) for serial in range(count))


Told = tuple[int, list[str], list[str]]


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs the command on a log and returns its exit code, its lines, and its complaints."""

    def run(log: bytes, *options: str) -> Told:
        path = tmp_path / "log"
        path.write_bytes(log)
        code = main(["dnsmasq-log", str(path), *options])
        captured = capsys.readouterr()
        out, err = (text.split("\n")[:-1] for text in (captured.out, captured.err))
        assert all(line.isprintable() for line in out + err)
        return code, out, err

    return run


def test_a_clock_that_was_set_back(told: Callable[..., Told]) -> None:
    code, out, _ = told(steady(50) + b"".join(request(39_600 + at, 50 + at) for at in range(50)))
    assert code == 0
    assert out[0].startswith("100 requests in 200 lines")
    assert "time goes back, by 3649 s at most" in out[1]
    assert "max 0.500 ms" in next(line for line in out if line.startswith("requests, first to last line"))


def test_a_clock_that_was_set_back_within_a_request(told: Callable[..., Told]) -> None:
    query, _ = request(43_200, 1).splitlines(keepends=True)
    _, answer = request(43_199, 1).splitlines(keepends=True)
    _, out, _ = told(query + answer + steady(20, 43_210).replace(b"]: ", b"]: 9"))
    assert "  NOTE: the clock was set back within 1 requests: they have no duration" in out


def test_two_entries_in_a_line(told: Callable[..., Told]) -> None:
    _, out, _ = told(b"".join(request(43_200 + at, at, apart=b"") for at in range(30)))
    assert out[0].startswith("30 requests in 30 lines and 29.000 s, 100.0% NXDOMAIN")
    assert "requests, first to last line: 30, p50 0.500 ms, max 0.500 ms" in out


def test_names_that_are_no_text(told: Callable[..., Told]) -> None:
    names = [b"\xff\xfe", "a\u202eb".encode(), b"\x1b[31mred"]
    _, out, _ = told(b"".join(request(43_200 + at, at, name) for at, name in enumerate(names)))
    text = "\n".join(out)
    assert out[0].startswith("3 requests")
    assert all(shown in text for shown in (r"\xff\xfe", r"a\u202eb", r"\x1b[31mred"))


def test_very_long_names_are_left_out_and_counted(told: Callable[..., Told]) -> None:
    _, out, _ = told(request(43_200, 1, b"x" * 400_000) + request(43_201, 2))
    assert "100.0% NXDOMAIN of 1 answers that were understood; 2 lines were not" in out[0]
    assert "  2 lines that are too long for a request" in out


def test_lines_that_were_not_understood_make_no_share(told: Callable[..., Told]) -> None:
    strays = b"dnsmasq[9]: query[A] a.example from 10.0.0.1\n" * 5
    code, out, err = told(strays)
    assert (code, out, len(err)) == (4, [], 1)
    assert "5 lines without a serial (dnsmasq lacks --log-queries=extra)" in err[0]
    _, out, _ = told(strays + request(43_200, 1).splitlines(keepends=True)[0])
    assert out[0].endswith("no answer was understood")


def test_disorder_is_put_right_and_newest_first_is_refused(told: Callable[..., Told]) -> None:
    lines = steady(40).splitlines(keepends=True)
    swapped = [
        line for first, second in zip(lines[::2], lines[1::2], strict=True) for line in (second, first)
    ]
    _, out, _ = told(b"".join(swapped))
    assert out[0].startswith("40 requests")
    assert not any("without" in line for line in out)
    code, out, err = told(b"".join(reversed(lines)))
    assert (code, out) == (4, [])
    assert err[0].endswith("the newest entries come first: turn it round, with tac for example")


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_a_bomb_of_zeros(told: Callable[..., Told], compress: Callable[[bytes], bytes]) -> None:
    code, out, err = told(compress(bytes(64 << 20)))
    assert (code, out, len(err)) == (4, [], 1)
    assert "no request in 1 lines" in err[0]


@pytest.mark.parametrize("options", [("--worst", "0"), ("--tcp-limit", "1"), ("--zone", "")])
def test_ends_of_ranges(told: Callable[..., Told], options: tuple[str, str]) -> None:
    code, out, _ = told(steady(3), *options)
    assert code == 0
    assert out[0].startswith("3 requests")


@pytest.mark.parametrize("options", [("--worst", "-1"), ("--tcp-limit", "0"), ("--worst", "9" * 5000)])
def test_what_is_out_of_range(told: Callable[..., Told], options: tuple[str, str]) -> None:
    code, _, err = told(steady(3), *options)
    assert (code, len(err)) == (4, 1)
