"""The reader of resolv.conf against real glibc and musl. Needs root, cc and musl-gcc."""

import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clusterdns.formats.resolvconf import ResolvConfError, parse
from clusterdns.model.resolver import Libc

SOURCE = Path(__file__).with_name("resolv_conf_reader.c")
COMPILERS = {Libc.GLIBC: ["cc", "-static"], Libc.MUSL: ["musl-gcc", "-static"]}
MOST_SHOWN = 6  # domains that glibc's old interface shows, of 256 octets in all; it asks all of them

Read = Callable[[Libc, str], tuple[list[str], list[str], int]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Returns nameservers, search list and ndots as a C library reads them."""
    readers: dict[Libc, subprocess.Popen[bytes]] = {}
    with ExitStack() as stack:
        for libc, compiler in COMPILERS.items():
            root = tmp_path_factory.mktemp(libc)
            (root / "etc").mkdir()
            program = root / "reader"
            subprocess.run([*compiler, "-Wall", "-o", program, SOURCE, "-lresolv"], check=True)
            readers[libc] = stack.enter_context(
                subprocess.Popen(
                    ["chroot", str(root), "/reader"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={"PATH": os.environ["PATH"]},
                )
            )
            stack.callback(cast("IO[bytes]", readers[libc].stdin).close)

        def ask(libc: Libc, text: str) -> tuple[list[str], list[str], int]:
            content = text.encode("utf-8", "surrogateescape")
            stdin, stdout = cast("IO[bytes]", readers[libc].stdin), cast("IO[bytes]", readers[libc].stdout)
            stdin.write(struct.pack("=I", len(content)) + content)
            stdin.flush()
            nameservers, search, ndots, _, _ = stdout.readline().decode().rstrip("\n").split("\t")
            domains = bytes.fromhex(search).split(b"\0")[:-1]
            return (
                nameservers.split(),
                [domain.decode("utf-8", "surrogateescape") for domain in domains],
                int(ndots),
            )

        yield ask


BLANKS = st.text(" \t", min_size=1, max_size=2) | st.sampled_from(
    [" \v", "\f", "\r", " ", "\u0085", "\u00a0", ""]
)
WORDS = st.sampled_from(
    [
        *(
            "10.96.0.10",
            "10.1",
            "010.0.0.1",
            "0x0a600001",
            "256.1.1.1",
            "fd00::a",
            "::ffff:10.0.0.1",
            "10.0.0.1#53",
        ),
        *("[fd00::a]", "10.0.0.1;", "a.example", "b.example.", ".", "svc.cluster.local", "#", ";", "s" * 70),
        *(
            "ndots:5",
            "ndots:",
            "ndots:+5",
            "ndots:-1",
            "ndots:99",
            "ndots:5x",
            "xndots:3",
            "rotate",
            "timeout:1",
        ),
        *("ndots:99999999999", "5", "é", "\ufeff"),
    ]
)
KEYWORDS = st.sampled_from(
    [
        "nameserver",
        "search",
        "domain",
        "options",
        "#",
        ";",
        "nameservers",
        "",
        " search",
        "sortlist",
        "Search",
    ]
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


@pytest.mark.parametrize("libc", Libc)
@settings(max_examples=1000, deadline=None)
@given(text=texts())
@example(text="nameserver 10.96.0.10\r\nsearch a.example b.example\r\noptions ndots:5\r\n")
@example(text="nameserver 10.0.0.1\noptions ndots: 5\n")
@example(text="search a.example\vb.example\nnameserver 10.0.0.1")
def test_it_reads_what_the_library_reads(read: Read, libc: Libc, text: str) -> None:
    nameservers, search, ndots = read(libc, text)
    lines = text.split("\n")
    while True:
        try:
            conf = parse("\n".join(lines), libc)
            break
        except ResolvConfError as error:  # the library goes on without the line, and says nothing
            refused = next(index for index, line in enumerate(lines) if str(error).endswith(repr(line)))
            lines[refused] = "#"
    # Without one both ask the host itself.
    assert list(conf.nameservers or ("127.0.0.1",)) == nameservers
    shown = [domain.removesuffix(".") or "." for domain in search]
    if libc is Libc.GLIBC:
        assert list(conf.search)[: len(shown)] == shown
        assert len(shown) in (len(conf.search), MOST_SHOWN) or sum(map(len, conf.search)) > MUSL_SHORT
    else:
        assert list(conf.search) == shown
    assert conf.ndots == ndots


MUSL_SHORT = 200
