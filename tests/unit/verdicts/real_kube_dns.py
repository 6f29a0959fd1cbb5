"""What a real kube-dns 1.26.7 answered, and the objects that it answered from: made from captures, and read.

To make the data anew out of a folder with `dnsmasq-53-NODE.pcap.gz`, `kubedns-10053-NODE.pcap.gz` (Ethernet,
IPv4) and `objects.json.gz` (the API's objects in the middle of a run of records.*):

    python -m tests.unit.verdicts.real_kube_dns FOLDER
"""

from __future__ import annotations

import gzip
import json
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "data" / "kube-dns-1.26.7-answers.json.gz"
_PORTS = {"dnsmasq-53": 53, "kubedns-10053": 10053}
_KEPT = {
    "Service": ("spec",),
    "EndpointSlice": ("addressType", "endpoints", "ports"),
    "Endpoints": ("subsets",),
}
_CHANGING = b"\x09created-"  # Services that come into being meanwhile
_ID = 2  # octets
_UDP, _TCP, _SYN = 17, 6, 2


class Answer(NamedTuple):
    """An answer that was given at least once.

    Attributes:
        server: "dnsmasq-53", or "kubedns-10053" behind it.
        pod: Its number.
        transport: "udp" or "tcp".
        query: The message without its id.
        answer: The message without its id.
    """

    server: str
    pod: int
    transport: str
    query: bytes
    answer: bytes


def load() -> tuple[list[dict[str, Any]], list[Answer]]:
    """Return the API's objects, and every different answer of each pod."""
    data = json.loads(gzip.decompress(DATA.read_bytes()))
    answers = [
        Answer(server, pod, transport, bytes.fromhex(query), bytes.fromhex(answer))
        for server, pod, transport, query, answer in data["answers"]
    ]
    return data["objects"], answers


def make(folder: Path) -> None:
    """Write the data."""
    objects = json.loads(gzip.decompress((folder / "objects.json.gz").read_bytes()))["items"]
    kept = [
        {
            "kind": item["kind"],
            "metadata": {key: item["metadata"].get(key) for key in ("name", "namespace", "labels")},
            **{key: item[key] for key in _KEPT[item["kind"]] if key in item},
        }
        for item in objects
        if item["kind"] in _KEPT
    ]
    answers: dict[Answer, None] = {}
    for server, port in _PORTS.items():
        for pod, path in enumerate(sorted(folder.glob(f"{server}-*.pcap.gz")), 1):
            answers.update(dict.fromkeys(_answers(path, server, port, pod)))
    rows = [[*answer[:3], answer.query.hex(), answer.answer.hex()] for answer in answers]
    text = json.dumps({"objects": kept, "answers": rows}, separators=(",", ":"))
    DATA.write_bytes(gzip.compress(text.encode(), mtime=0))


def _answers(path: Path, server: str, port: int, pod: int) -> Iterator[Answer]:
    """Yield what the server was asked and answered that the capture was made beside."""
    asked: dict[tuple[object, ...], bytes] = {}
    pairs = []
    for client, of_client, here, of_server, transport, message in _messages(
        gzip.decompress(path.read_bytes())
    ):
        ident = message[:_ID]
        if of_server == port:
            asked[client, of_client, here, transport, ident] = message
        elif query := asked.pop((here, of_server, client, transport, ident), None):
            pairs.append((client, transport, query, message))
    # dnsmasq asks others on the same port: its own address is the one that most answers come from.
    ((own, _),) = Counter(pair[0] for pair in pairs).most_common(1)
    for source, transport, query, message in pairs:
        if source == own and _CHANGING not in query:
            yield Answer(server, pod, transport, query[_ID:], message[_ID:])


def _messages(data: bytes) -> Iterator[tuple[bytes, int, bytes, int, str, bytes]]:
    """Yield source, its port, destination, its port, transport and DNS message of each in a pcap file."""
    streams: dict[bytes, bytes] = {}
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 + 14 : at + 16 + size]
        at += 16 + size
        packet = packet[: struct.unpack_from("!H", packet, 2)[0]]
        segment = packet[(packet[0] & 15) * 4 :]
        ends = (
            packet[12:16],
            *struct.unpack_from("!H", segment),
            packet[16:20],
            *struct.unpack_from("!H", segment, 2),
        )
        if packet[9] == _UDP:
            yield *ends, "udp", segment[8:]
        elif packet[9] == _TCP:
            stream = packet[12:20] + segment[:4]
            if segment[13] & _SYN:
                streams[stream] = b""
                continue
            # Nothing is lost or disordered on these interfaces.
            octets = streams.get(stream, b"") + segment[(segment[12] >> 4) * 4 :]
            while len(octets) > _ID and len(octets) >= _ID + (length := struct.unpack_from("!H", octets)[0]):
                yield *ends, "tcp", octets[_ID : _ID + length]
                octets = octets[_ID + length :]
            streams[stream] = octets


if __name__ == "__main__":
    make(Path(sys.argv[1]))
