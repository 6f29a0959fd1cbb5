from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clusterdns.cli import main
from tests.unit.analysis.capture.network import Network, query
from tests.unit.analysis.capture.wires import SECOND, file, udp

REAL = Path(__file__).parents[1] / "data" / "resolver.pcap"


def test_a_capture_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", str(REAL), "--worst", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{REAL}: 193 packets in 2.241 s from 2026-11-23 22:40:21.285997Z"
    assert "127.0.0.1:53 by UDP: 74 transactions, 1 retried, 1 slower than 1 s" in said
    assert any("lost.example.com A, NOERROR after 2 tries" in line for line in said)
    assert "TCP connections: 3" in said
    assert "[::1]:53 by UDP: 1 transactions" in said


def test_several_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    copy = f"{REAL.parent}/../data/{REAL.name}"
    assert main(["capture", "--json", str(REAL), copy]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [str(REAL), copy]
    (udp_path, *_) = found[copy]["servers"]
    assert udp_path["latency"]["count"] == 74
    assert found[copy]["connections"]["queries per connection"] == {"1": 3}


def test_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", str(REAL), "--plots", str(tmp_path / "new" / "plots")]) == 0
    capsys.readouterr()
    plots = sorted((tmp_path / "new" / "plots").iterdir())
    assert len(plots) == 12
    for plot in plots:
        ET.parse(plot)  # noqa: S314 - our own


def test_plots_of_two_files_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", str(REAL), str(REAL), "--plots", str(tmp_path)]) == 0
    capsys.readouterr()
    stems = {plot.name.split(".")[1] for plot in tmp_path.iterdir()}
    assert stems == {"pcap", "pcap-2"}


def test_plots_of_a_capture_over_fifty_years(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(now=0)
    for _ in range(2):
        network.datagram(("10.0.0.7", 1), ("10.0.0.8", 53), query(), 50 * 365 * 86_400 * SECOND)
    path = tmp_path / "long.pcap"
    path.write_bytes(file(network.packets))
    assert main(["capture", str(path), "--plots", str(tmp_path)]) == 0
    capsys.readouterr()
    rate = (tmp_path / "long.pcap.rate.svg").read_text()
    assert len(rate) < 10_000


def test_a_folder_that_cannot_be_written_is_told_before_the_reading(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clusterdns.commands.capture.analyse", lambda *_, **__: pytest.fail("was read"))
    assert main(["capture", str(REAL), "--plots", "/proc/self/fdinfo"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("clusterdns: /proc/self/fdinfo: ")


def test_a_compressed_capture_from_standard_input() -> None:
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "capture", "-"]
    done = subprocess.run(command, input=gzip.compress(REAL.read_bytes()), capture_output=True, check=True)
    assert done.stdout.startswith(b"-: 193 packets")


@pytest.mark.parametrize("command", ["capture", "dnsmasq-log"])
def test_files_are_read_without_the_kubernetes_client(command: str) -> None:
    """It takes longer to import than most captures to be read."""
    program = f"import sys; from clusterdns.cli import main; main(['{command}', '/dev/null'])"
    program += "; print('kubernetes' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_ctrl_c_ends_it_in_one_line() -> None:
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "capture", "-"]
    content = REAL.read_bytes()
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        # More than a pipe holds: when it is written, some of it has been read.
        process.stdin.write(content + content[24:] * (1_000_000 // len(content)))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (2, b"clusterdns: interrupted\n")


def test_a_reader_that_has_seen_enough() -> None:
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "capture", *[str(REAL)] * 20]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141  # SIGPIPE's: half an answer is no verdict


def test_a_capture_that_was_cut_off_is_read_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(REAL.read_bytes()[:5000])
    assert main(["capture", str(path)]) == 0
    said = capsys.readouterr().out
    assert "  NOTE: the pcap file ends within packet 53: the capture was cut off; what was before" in said


def test_a_clock_that_was_set_back_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = Network()
    network.datagram(("10.0.0.7", 1), ("10.0.0.8", 53), query())
    network.datagram(("10.0.0.7", 1), ("10.0.0.8", 53), query(ident=2), -3 * SECOND)
    path = tmp_path / "back.pcap"
    path.write_bytes(file(network.packets))
    assert main(["capture", str(path)]) == 0
    assert "  NOTE: time goes back 1 times, by 3000.000 ms at most" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (bytes(range(256)), "this is no capture file"),
        (REAL.read_bytes()[:24], "no DNS query in 0 packets to port 53 or 10053"),
        (file([(1, udp(("10.0.0.7", 1), ("10.0.0.8", 80), b"x"))]), "no DNS query in 1 packets"),
        (b"\x1f\x8b\x08cut", ""),
        (None, "No such file"),
    ],
)
def test_what_is_no_capture_is_a_usage_error(
    tmp_path: Path, content: bytes | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "capture"
    if content is not None:
        path.write_bytes(content)
    assert main(["capture", str(path)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line


def test_plots_need_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["capture", str(REAL), "--plots", str(tmp_path / "file")]) == 4
    assert "file" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "-1", "65536", "dns"])
def test_what_is_no_port_is_a_usage_error(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", str(REAL), f"--port={port}"]) == 4
    assert f"{port!r} is no port" in capsys.readouterr().err


def test_another_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", str(REAL), "--port", "5353"]) == 4
    assert "no DNS query in 193 packets to port 5353" in capsys.readouterr().err
