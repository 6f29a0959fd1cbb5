"""From link layer to UDP and TCP payloads, many packets at a time."""

import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clusterdns.analysis.capture.addresses import Addresses
from clusterdns.analysis.capture.arrays import Columns, Flags, Ints, numbers
from clusterdns.analysis.capture.records import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_RAW,
    Records,
)

TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK = 0x01, 0x02, 0x04, 0x10

_IPV4, _IPV6 = 0x0800, 0x86DD
_VERSION_4, _VERSION_6 = 4, 6
_VLAN = (0x8100, 0x88A8)
_MOST_TAGS = 4
# linktype -> (where the kind of the network layer's packet is told, where that packet begins).
_LINKS = {LINKTYPE_ETHERNET: (12, 14), LINKTYPE_LINUX_SLL: (14, 16), LINKTYPE_LINUX_SLL2: (0, 20)}
_IPV4_HEADER, _IPV6_HEADER, _UDP_HEADER, _TCP_HEADER, _FRAGMENT_HEADER = 20, 40, 8, 20, 8
# IPv6 extension headers that tell their length in units of 8 octets (RFC 8200): hop-by-hop, routing,
# destination.
_EXTENSIONS = (0, 43, 60)
_MOST_EXTENSIONS = 8


class Kind(StrEnum):
    """What packets are that are not looked into."""

    OTHER = "packets that are neither UDP nor TCP over IP"
    OTHER_PORT = "packets of other ports"
    FRAGMENT = "later fragments"
    CUT = "packets cut off within their headers by the capture"


@dataclass(frozen=True, slots=True)
class Packets(Columns):
    """UDP datagrams and TCP segments, by column.

    Attributes:
        frame: Its number in the file, counted from 1.
        time_ns: When it was captured, in nanoseconds since 1970.
        source, source_port: Where from; the address as a number of an `Addresses`.
        destination, destination_port: Where to.
        tcp: Whether it is TCP.
        sequence: Of the first octet of the payload; without meaning in UDP.
        flags: TCP's; without meaning in UDP.
        at: Where in the records' data the payload begins.
        captured: How much of it is there; of a fragmented datagram the first fragment's.
        length: How much there was on the wire.
    """

    frame: Ints
    time_ns: Ints
    source: Ints
    source_port: Ints
    destination: Ints
    destination_port: Ints
    tcp: Flags
    sequence: Ints
    flags: Ints
    at: Ints
    captured: Ints
    length: Ints


@dataclass(frozen=True, slots=True)
class _Network(Columns):
    """IP packets: which of the records, what they hold, where that begins and ends, who sent it."""

    index: Ints
    protocol: Ints
    transport: Ints
    end: Ints
    source: Ints
    destination: Ints


def decode(records: Records, ports: Sequence[int], addresses: Addresses, counts: Counter[str]) -> Packets:
    """Takes captured packets apart.

    Args:
        records: The packets.
        ports: Only packets from or to one of these are returned.
        addresses: Where addresses get their numbers.
        counts: Where what is left out is counted.

    Returns:
        The UDP datagrams and TCP segments, in the order of the capture. Of a fragmented one that is its first
        fragment.

    Raises:
        PcapError: There are too many addresses.
    """
    start, version = _network_layer(records, counts)
    network = [
        _ipv4(records, start, np.flatnonzero(version == _VERSION_4), addresses, counts),
        _ipv6(records, start, np.flatnonzero(version == _VERSION_6), addresses, counts),
    ]
    both = _Network.joined(network)
    if all(len(one) for one in network):
        both = both.only(np.argsort(both.index))
    return _transport(records, both, ports, counts)


def _network_layer(records: Records, counts: Counter[str]) -> tuple[Ints, Ints]:
    """Find where the IP headers begin, and of which version they are: 0 without one."""
    data, start, kind = records.data, records.at.copy(), np.full(len(records), -1)
    for linktype in np.unique(records.linktype).tolist():
        its = np.flatnonzero(records.linktype == linktype)
        if linktype in _LINKS:
            told, begin = _LINKS[linktype]
            kind[its] = numbers(data, ">u2", start[its] + told)
            start[its] += begin
        elif linktype == LINKTYPE_RAW:
            kind[its] = _IPV4  # or 6, as the header itself says
    for _ in range(_MOST_TAGS):
        tagged = np.flatnonzero((kind == _VLAN[0]) | (kind == _VLAN[1]))
        if not len(tagged):
            break
        kind[tagged] = numbers(data, ">u2", start[tagged] + 2)
        start[tagged] += 4
    version = numbers(data, "u1", start) >> 4
    ip = ((kind == _IPV4) | (kind == _IPV6)) & ((version == _VERSION_4) | (version == _VERSION_6))
    whole = start < records.at + records.captured
    counts[Kind.CUT] += int(np.count_nonzero(~whole))
    counts[Kind.OTHER] += int(np.count_nonzero(~ip & whole))
    return start, np.where(ip & whole, version, 0)


def _ipv4(records: Records, start: Ints, index: Ints, addresses: Addresses, counts: Counter[str]) -> _Network:
    index = _whole(records, index, start[index] + _IPV4_HEADER, counts)
    data, start = records.data, start[index]
    fragment = numbers(data, ">u2", start + 6) & 0x1FFF
    first = fragment == 0
    counts[Kind.FRAGMENT] += int(np.count_nonzero(~first))
    index, start = index[first], start[first]
    length = numbers(data, ">u2", start + 2)
    return _Network(
        index,
        protocol=numbers(data, "u1", start + 9),
        transport=start + (numbers(data, "u1", start) & 0x0F) * 4,
        end=_end(records, index, start + length, length),
        source=addresses.numbers(data, start + 12, 4),
        destination=addresses.numbers(data, start + 16, 4),
    )


def _ipv6(records: Records, start: Ints, index: Ints, addresses: Addresses, counts: Counter[str]) -> _Network:
    index = _whole(records, index, start[index] + _IPV6_HEADER, counts)
    data, start = records.data, start[index]
    length, protocol = numbers(data, ">u2", start + 4), numbers(data, "u1", start + 6)
    transport, last = start + _IPV6_HEADER, len(data) - _FRAGMENT_HEADER
    first = np.full(len(index), fill_value=True)
    for _ in range(_MOST_EXTENSIONS):
        fragmented = np.flatnonzero(protocol == socket.IPPROTO_FRAGMENT)
        extended = np.flatnonzero(np.isin(protocol, _EXTENSIONS))
        if not len(fragmented) and not len(extended):
            break
        at = np.minimum(transport[fragmented], last)
        first[fragmented] &= numbers(data, ">u2", at + 2) & 0xFFF8 == 0
        protocol[fragmented] = numbers(data, "u1", at)
        transport[fragmented] += _FRAGMENT_HEADER
        at = np.minimum(transport[extended], last)
        protocol[extended] = numbers(data, "u1", at)
        transport[extended] += 8 + numbers(data, "u1", at + 1) * 8
    counts[Kind.FRAGMENT] += int(np.count_nonzero(~first))
    network = _Network(
        index,
        protocol,
        transport,
        end=_end(records, index, start + _IPV6_HEADER + length, length),
        source=addresses.numbers(data, start + 8, 16),
        destination=addresses.numbers(data, start + 24, 16),
    )
    return network.only(first)


def _end(records: Records, index: Ints, end: Ints, length: Ints) -> Ints:
    """Return where packets end: with segmentation offload the length may be 0, then with the record."""
    return np.where(length > 0, end, records.at[index] + records.length[index])


def _transport(records: Records, network: _Network, ports: Sequence[int], counts: Counter[str]) -> Packets:
    tcp = network.protocol == socket.IPPROTO_TCP
    known = tcp | (network.protocol == socket.IPPROTO_UDP)
    counts[Kind.OTHER] += int(np.count_nonzero(~known))
    network, tcp = network.only(known), tcp[known]
    header = np.where(tcp, _TCP_HEADER, _UDP_HEADER)
    end = records.at + records.captured
    whole = network.transport + header <= end[network.index]
    counts[Kind.CUT] += int(np.count_nonzero(~whole))
    network, tcp = network.only(whole), tcp[whole]
    data, start = records.data, network.transport
    source, destination = (numbers(data, ">u2", start + at) for at in (0, 2))
    is_wanted = np.zeros(1 << 16, np.bool_)
    is_wanted[list(ports)] = True
    wanted = is_wanted[source] | is_wanted[destination]
    counts[Kind.OTHER_PORT] += int(np.count_nonzero(~wanted))
    network, tcp, start = network.only(wanted), tcp[wanted], start[wanted]
    end = end[network.index]
    # In UDP what is read here for TCP lies in the payload or behind it, within the spare octets.
    offset = (numbers(data, "u1", np.where(tcp, start + 12, start)) >> 4) * 4
    payload = start + np.where(tcp, offset, _UDP_HEADER)
    return Packets(
        frame=records.frame + network.index,
        time_ns=records.time_ns[network.index],
        source=network.source,
        source_port=source[wanted],
        destination=network.destination,
        destination_port=destination[wanted],
        tcp=tcp,
        sequence=numbers(data, ">u4", start + 4),
        flags=numbers(data, "u1", np.where(tcp, start + 13, start)),
        at=payload,
        captured=np.maximum(np.minimum(network.end, end) - payload, 0),
        length=np.maximum(network.end - payload, 0),
    )


def _whole(records: Records, index: Ints, end: Ints, counts: Counter[str]) -> Ints:
    """Leave out packets that the capture cut off before `end`."""
    whole = end <= records.at[index] + records.captured[index]
    counts[Kind.CUT] += int(np.count_nonzero(~whole))
    return index[whole]
