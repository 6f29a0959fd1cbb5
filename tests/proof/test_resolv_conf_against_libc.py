"""The reader of resolv.conf against real glibc and musl. Needs root, cc and musl-gcc."""

import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import IO, NamedTuple, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clusterdns.formats.resolvconf import ResolvConfError, parse
from clusterdns.model.resolver import Libc, ResolvConf

SOURCE = Path(__file__).with_name("resolv_conf_reader.c")
COMPILERS = {Libc.GLIBC: ["cc", "-static"], Libc.MUSL: ["musl-gcc", "-static"]}
SECONDS = 120
# glibc's old interface shows the first six domains, in 256 octets together; all are asked.
MOST_SHOWN, MOST_OCTETS = 6, 200


class Shown(NamedTuple):
    """What a C library makes of a text: nameservers, search list; ndots, timeout, attempts."""

    nameservers: list[str]
    search: list[str]
    numbers: list[int]


Read = Callable[[Libc, str], Shown]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    readers: dict[Libc, subprocess.Popen[bytes]] = {}
    with ExitStack() as stack:
        for libc, compiler in COMPILERS.items():
            root = tmp_path_factory.mktemp(libc)
            (root / "etc").mkdir()
            subprocess.run([*compiler, "-Wall", "-o", root / "reader", SOURCE, "-lresolv"], check=True)
            command = ["timeout", str(SECONDS), "chroot", str(root), "/reader"]
            reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            readers[libc] = stack.enter_context(reader)
            stack.callback(cast("IO[bytes]", reader.stdin).close)

        def ask(libc: Libc, text: str) -> Shown:
            content = text.encode("utf-8", "surrogateescape")
            stdin, stdout = cast("IO[bytes]", readers[libc].stdin), cast("IO[bytes]", readers[libc].stdout)
            stdin.write(struct.pack("=I", len(content)) + content)
            stdin.flush()
            nameservers, search, *numbers = stdout.readline().decode().rstrip("\n").split("\t")
            domains = bytes.fromhex(search).split(b"\0")[:-1]
            texts = [domain.decode("utf-8", "surrogateescape") for domain in domains]
            return Shown(nameservers.split(), texts, list(map(int, numbers)))

        yield ask


ODD_BLANKS = st.sampled_from([" \v", "\f", "\r", "\u0085", "\u00a0", ""])
BLANKS = st.text(" \t", min_size=1, max_size=2) | ODD_BLANKS
ADDRESSES = ["10.96.0.10", "10.1", "010.0.0.1", "0x0a600001", "256.1.1.1", "fd00::a", "::ffff:10.0.0.1"]
NO_ADDRESSES = ["10.0.0.1#53", "[fd00::a]", "10.0.0.1;", "5"]
DOMAINS = ["a.example", "b.example.", ".", "svc.cluster.local", "#", ";", "s" * 70, "é", "\ufeff"]
NDOTS = ["ndots:5", "ndots:", "ndots:+5", "ndots:-1", "ndots:99", "ndots:5x", "ndots:99999999999", "xndots:3"]
OPTIONS = ["rotate", "timeout:1", "timeout:99", "attempts:1", "attempts:99"]
WORDS = st.sampled_from([*ADDRESSES, *NO_ADDRESSES, *DOMAINS, *NDOTS, *OPTIONS])
# Not "sortlist": glibc 2.36 never comes to an end where a carriage return or a form feed follows it.
KEYWORDS = st.sampled_from(
    ["nameserver", "search", "domain", "options", "#", ";", "nameservers", "", " search", "Search"]
)
ENDS = st.sampled_from(["\n", "\n", "\r\n", ""])


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = ""
    for _ in range(draw(st.integers(0, 6))):
        text += draw(KEYWORDS)
        for _ in range(draw(st.integers(0, 4))):
            text += draw(BLANKS) + draw(WORDS)
        text += draw(ENDS)
    return text


def without_refused_lines(text: str, libc: Libc) -> ResolvConf:
    """Read a text; the library goes on without lines that we refuse, and says nothing."""
    lines = text.split("\n")
    while True:
        try:
            return parse("\n".join(lines), libc)
        except ResolvConfError as error:
            refused = next(index for index, line in enumerate(lines) if str(error).endswith(repr(line)))
            lines[refused] = "#"


@pytest.mark.parametrize("libc", Libc)
@settings(max_examples=500, deadline=None)
@given(text=texts())
@example(text="nameserver 10.96.0.10\r\nsearch a.example b.example\r\noptions ndots:5\r\n")
@example(text="nameserver 10.0.0.1\noptions ndots: 5\n")
@example(text="search a.example\nsearch")
@example(text="search a.example\vb.example\nnameserver 10.0.0.1")
def test_it_reads_what_the_library_reads(read: Read, libc: Libc, text: str) -> None:
    shown = read(libc, text)
    conf = without_refused_lines(text, libc)
    # Without one both ask the host itself.
    nameservers = conf.nameservers or ("127.0.0.1",)
    assert list(map(ip_address, nameservers)) == list(map(ip_address, shown.nameservers))
    # The model has glibc's limits; musl allows 60 seconds and 10 attempts.
    ndots, timeout, attempts = shown.numbers
    assert (conf.ndots, conf.timeout, conf.attempts) == (ndots, min(timeout, 30), min(attempts, 5))
    search = [domain.removesuffix(".") or "." for domain in shown.search]
    cut = libc is Libc.GLIBC and (len(search) == MOST_SHOWN or sum(map(len, conf.search)) > MOST_OCTETS)
    assert list(conf.search)[: len(search) if cut else None] == search
