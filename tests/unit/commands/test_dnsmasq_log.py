from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clusterdns.cli import main

REAL = Path(__file__).parents[1] / "data" / "kube-dns-1.26.7-dnsmasq.log"


def test_a_log_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dnsmasq-log", str(REAL), "--worst", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "81 requests in 240 lines and 9.957 s, 91.4% NXDOMAIN"
    assert "TCP sessions at once: at most 20 of 20 at 11-23 12:54:57.170912, 0 PIDs came again" in said
    assert any(line.startswith("  SATURATED first at 11-23 12:54:57.170912") for line in said)


def test_a_compressed_log_from_standard_input() -> None:
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "dnsmasq-log", "-", "--tcp-limit", "30"]
    done = subprocess.run(command, input=gzip.compress(REAL.read_bytes()), capture_output=True, check=True)
    assert b"TCP sessions at once: at most 20 of 30" in done.stdout
    assert b"SATURATED" not in done.stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no request in 0 lines"),
        (bytes(range(256)), "no request in 2 lines; dnsmasq logs them with --log-queries=extra"),
        (b"\x1f\x8b\x08cut", "EOF|ended|header|gzip"),
        (None, "No such file"),
    ],
)
def test_what_is_no_log_is_a_usage_error(
    tmp_path: Path, content: bytes | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    if content is not None:
        path.write_bytes(content)
    assert main(["dnsmasq-log", str(path)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(complaint, line)
