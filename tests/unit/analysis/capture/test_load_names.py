"""Names for load, from a list or from a capture."""

import os
from pathlib import Path

import pytest

from clusterdns.analysis.capture.load_names import MOST, read_names
from clusterdns.errors import UsageError

DATA = Path(__file__).parents[2] / "data"


def test_lines_are_names_with_types(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text(
        "# what we ask\nwww.example.com\n\nweb.ns aaaa ; why\n_http._tcp.web.ns.svc.cluster.local. SRV\n"
    )
    assert read_names(path) == (
        ("www.example.com", "A"),
        ("web.ns", "AAAA"),
        ("_http._tcp.web.ns.svc.cluster.local.", "SRV"),
    )


def test_a_capture_is_asked_as_it_was_sent() -> None:
    names = read_names(DATA / "resolver.pcap")
    assert all(name.endswith(".") for name, _ in names)
    assert {rtype for _, rtype in names} == {"A", "AAAA"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no name"),
        (b"# nothing\n", "holds no name"),
        (b"www.example.com QQ\n", "line 1: want NAME"),
        (b"a b c\n", "line 1: want NAME"),
        (b"ok\na..b\n", "line 2: 'a..b' is not a host name"),
        (b"\xff\xfe", "utf-8"),
        (b"a\n" * (MOST + 1), "give 20,000 at most"),
        (b"\xd4\xc3\xb2\xa1cut", "ends within"),
    ],
)
def test_bad_files_are_told_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "names"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as told:
        read_names(path)
    assert len(str(told.value).splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_names(tmp_path / "names")


def test_an_endless_file_is_no_list() -> None:
    with pytest.raises(UsageError, match="/dev/zero: File too large"):
        read_names(Path("/dev/zero"))


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="a pipe cannot be read twice"):
        read_names(pipe)
