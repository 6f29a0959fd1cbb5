"""What load asks for, from a file: a list of names, or a capture of what clients asked."""

from collections.abc import Iterator
from pathlib import Path

from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.capture.queries import read_queries
from clusterdns.errors import UsageError
from clusterdns.files import read_bounded
from clusterdns.model.resolver import Libc, ResolvConf, search_candidates

MOST = 20_000
"""Questions: they go to every pod in one request of a few MB."""

_LARGEST = 64 << 20  # bytes of a list: MOST names as long as they can be, with comments
_CAPTURES = frozenset({b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"})
_TYPES = frozenset({"A", "AAAA", "ANY", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TXT"})


def read_names(path: Path) -> tuple[tuple[str, str], ...]:
    """Reads questions: names as an application gives them, and types.

    Args:
        path: Lines of NAME [TYPE] (as dnsperf takes them; the type is A if none is given, "#" and ";" begin
            comments), or a capture in the form of pcap, whose queries are taken as they were sent: the search
            list is in them already, and so they end in a dot.

    Returns:
        (name, type) in the file's order, at least one.

    Raises:
        UsageError: It cannot be read, or holds none, too many, or something else.
    """
    if path.is_fifo():  # its first bytes tell what it is, and would be gone
        raise UsageError(f"{path}: a pipe cannot be read twice: give a file")
    try:
        with path.open("rb") as file:
            capture = file.read(4) in _CAPTURES
        found = list(_captured(path) if capture else _listed(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    if not found:
        raise UsageError(f"{path} holds no name to ask for")
    if len(found) > MOST:
        raise UsageError(f"{path} holds {len(found):,} questions: give {MOST:,} at most")
    return tuple(found)


def _captured(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for query in read_queries(read(file)):
            yield f"{query.name}.", query.rtype


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_bounded(path, _LARGEST).decode().splitlines(), 1):
        words = line.partition("#")[0].partition(";")[0].split()
        if not words:
            continue
        name, rtype = words[0], words[1].upper() if len(words) > 1 else "A"
        if rtype not in _TYPES or len(words) > 2:  # noqa: PLR2004 - a name and a type
            raise UsageError(f"{path}, line {number}: want NAME [TYPE], not {line.strip()[:60]!r}")
        try:
            search_candidates(name, ResolvConf(nameservers=(), search=()), Libc.GLIBC)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {error}") from None
        yield name, rtype
