"""From captured packets to UDP and TCP payloads, many at a time."""

import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clusterdns.analysis.arrays import Columns, Flags, Ints, numbers
from clusterdns.analysis.capture import links
from clusterdns.analysis.capture.addresses import Addresses
from clusterdns.analysis.capture.links import Layers
from clusterdns.analysis.capture.records import Records

TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK = 0x01, 0x02, 0x04, 0x10

_VERSION_4, _VERSION_6 = 4, 6
_IPV4_HEADER, _IPV6_HEADER, _UDP_HEADER, _TCP_HEADER, _FRAGMENT_HEADER = 20, 40, 8, 20, 8
_ADDRESS_4, _ADDRESS_6 = 4, 16
# IPv6 extension headers that tell their length in units of 8 octets (RFC 8200): hop-by-hop, routing,
# destination.
_EXTENSIONS = (0, 43, 60)
_MOST_EXTENSIONS = 8
_MOST_TUNNELS = 4
_ENCRYPTED = (50, 108)  # ESP, and what is compressed before it
_WIREGUARD = (51820, 51871)  # its usual port, and Cilium's


class SkippedPacket(StrEnum):
    """What packets are that are not looked into."""

    OTHER = "packets that are neither UDP nor TCP over IP"
    OTHER_PORT = "packets of other ports"
    FRAGMENT = "later fragments"
    CUT = "packets cut off within their headers by the capture"
    ENCRYPTED = "packets of IPsec or WireGuard, which are encrypted"
    DEEP = f"packets within more than {_MOST_TUNNELS} tunnels, which were not opened"


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
        acknowledged: The next octet that its sender waits for; without meaning in UDP.
        flags: TCP's; without meaning in UDP.
        ident: IPv4's identification; 0 in IPv6.
        at: Where in the records' data the payload begins.
        captured: How much of it is there; of a fragmented datagram the first fragment's.
        length: How much there was on the wire.
        several: Whether the capture may have it several times, from one interface each.
        point: Where it was seen then.
    """

    frame: Ints
    time_ns: Ints
    source: Ints
    source_port: Ints
    destination: Ints
    destination_port: Ints
    tcp: Flags
    sequence: Ints
    acknowledged: Ints
    flags: Ints
    ident: Ints
    at: Ints
    captured: Ints
    length: Ints
    several: Flags
    point: Ints


@dataclass(frozen=True, slots=True)
class _Network(Columns):
    """IP packets: which of the records, of which version, what they hold, and where that lies."""

    index: Ints
    version: Ints
    begin: Ints
    protocol: Ints
    transport: Ints
    end: Ints


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
    layers, networks = links.opened(records, counts), []
    for _ in range(_MOST_TUNNELS + 1):
        network = _network(records, links.peeled(records.data, layers), counts)
        network, layers = _tunnels(records, network)
        networks.append(network)
        if not len(layers):
            break
    counts[SkippedPacket.DEEP] += len(layers)
    both = _Network.joined(networks)
    if len(networks) > 1:
        both = both.only(np.argsort(both.index, kind="stable"))
    return _transport(records, both, ports, addresses, counts)


def _network(records: Records, layers: Layers, counts: Counter[str]) -> _Network:
    """Read the IP headers."""
    start = np.minimum(layers.start, len(records.data) - _IPV6_HEADER)
    version = numbers(records.data, "u1", start) >> 4
    whole = layers.start < layers.end
    ip = (layers.kind == links.IP) | (layers.kind == links.IPV6)
    ip &= (version == _VERSION_4) | (version == _VERSION_6)
    counts[SkippedPacket.CUT] += int(np.count_nonzero(~whole))
    counts[SkippedPacket.OTHER] += int(np.count_nonzero(~ip & whole))
    version = np.where(ip & whole, version, 0)
    both = [
        _ipv4(records, layers.only(np.flatnonzero(version == _VERSION_4)), counts),
        _ipv6(records, layers.only(np.flatnonzero(version == _VERSION_6)), counts),
    ]
    if not all(len(one) for one in both):
        return both[0] if len(both[0]) else both[1]
    joined = _Network.joined(both)
    return joined.only(np.argsort(joined.index, kind="stable"))


def _ipv4(records: Records, layers: Layers, counts: Counter[str]) -> _Network:
    layers = _whole(layers, layers.start + _IPV4_HEADER, counts)
    data, start = records.data, layers.start
    first = numbers(data, ">u2", start + 6) & 0x1FFF == 0
    counts[SkippedPacket.FRAGMENT] += int(np.count_nonzero(~first))
    layers, start = layers.only(first), start[first]
    length = numbers(data, ">u2", start + 2)
    return _Network(
        index=layers.index,
        version=np.full(len(layers), _VERSION_4),
        begin=start,
        protocol=numbers(data, "u1", start + 9),
        transport=start + (numbers(data, "u1", start) & 0x0F) * 4,
        end=_end(records, layers.index, start + length, length),
    )


def _ipv6(records: Records, layers: Layers, counts: Counter[str]) -> _Network:
    layers = _whole(layers, layers.start + _IPV6_HEADER, counts)
    data, start = records.data, layers.start
    length, protocol = numbers(data, ">u2", start + 4), numbers(data, "u1", start + 6)
    transport, last = start + _IPV6_HEADER, len(data) - _FRAGMENT_HEADER
    first = np.full(len(layers), fill_value=True)
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
    counts[SkippedPacket.FRAGMENT] += int(np.count_nonzero(~first))
    network = _Network(
        index=layers.index,
        version=np.full(len(layers), _VERSION_6),
        begin=start,
        protocol=protocol,
        transport=transport,
        end=_end(records, layers.index, start + _IPV6_HEADER + length, length),
    )
    return network.only(first)


def _end(records: Records, index: Ints, end: Ints, length: Ints) -> Ints:
    """Return where packets end: with segmentation offload the length may be 0, then with the record."""
    return np.where(length > 0, end, records.at[index] + records.length[index])


def _tunnels(records: Records, network: _Network) -> tuple[_Network, Layers]:
    """Tell packets that are tunnels from the others, and open them."""
    data = records.data
    head = np.minimum(network.transport, len(data) - _UDP_HEADER)
    kind, start = links.tunnelled(data, network.protocol, network.transport, numbers(data, ">u2", head + 2))
    its = np.flatnonzero(kind >= 0)
    end = (records.at + records.captured)[network.index[its]]
    layers = Layers(network.index[its], kind[its], start[its], np.minimum(network.end[its], end))
    return (network.only(kind < 0) if len(its) else network), layers


def _transport(
    records: Records, network: _Network, ports: Sequence[int], addresses: Addresses, counts: Counter[str]
) -> Packets:
    tcp = network.protocol == socket.IPPROTO_TCP
    known = tcp | (network.protocol == socket.IPPROTO_UDP)
    encrypted = np.isin(network.protocol, _ENCRYPTED) if not known.all() else ~known
    counts[SkippedPacket.ENCRYPTED] += int(np.count_nonzero(encrypted))
    counts[SkippedPacket.OTHER] += int(np.count_nonzero(~known & ~encrypted))
    network, tcp = network.only(known), tcp[known]
    header = np.where(tcp, _TCP_HEADER, _UDP_HEADER)
    end = records.at + records.captured
    whole = network.transport + header <= end[network.index]
    counts[SkippedPacket.CUT] += int(np.count_nonzero(~whole))
    network, tcp = network.only(whole), tcp[whole]
    data, start = records.data, network.transport
    source, destination = (numbers(data, ">u2", start + at) for at in (0, 2))
    is_wanted = np.zeros(1 << 16, np.bool_)
    is_wanted[list(ports)] = True
    wanted = is_wanted[source] | is_wanted[destination]
    if not wanted.all():
        wireguard = ~wanted & ~tcp & (np.isin(source, _WIREGUARD) | np.isin(destination, _WIREGUARD))
        counts[SkippedPacket.ENCRYPTED] += int(np.count_nonzero(wireguard))
        counts[SkippedPacket.OTHER_PORT] += int(np.count_nonzero(~wanted & ~wireguard))
    network, tcp, start = network.only(wanted), tcp[wanted], start[wanted]
    end = end[network.index]
    # In UDP what is read here for TCP lies in the payload or behind it, within the spare octets.
    offset = (numbers(data, "u1", np.where(tcp, start + 12, start)) >> 4) * 4
    payload = start + np.where(tcp, offset, _UDP_HEADER)
    several, point = links.points(records)
    from_address, to_address = _addresses(data, network, addresses)
    return Packets(
        frame=records.frame + network.index,
        time_ns=records.time_ns[network.index],
        source=from_address,
        source_port=source[wanted],
        destination=to_address,
        destination_port=destination[wanted],
        tcp=tcp,
        sequence=numbers(data, ">u4", start + 4),
        acknowledged=numbers(data, ">u4", start + 8),
        flags=numbers(data, "u1", np.where(tcp, start + 13, start)),
        ident=np.where(network.version == _VERSION_4, numbers(data, ">u2", network.begin + 4), 0),
        at=payload,
        captured=np.maximum(np.minimum(network.end, end) - payload, 0),
        length=np.maximum(network.end - payload, 0),
        several=several[network.index],
        point=point[network.index],
    )


def _addresses(data: bytes, network: _Network, addresses: Addresses) -> tuple[Ints, Ints]:
    """Return the numbers of the addresses of source and destination."""
    ends = np.zeros((2, len(network)), np.int64)
    for version, at, size in ((_VERSION_4, 12, _ADDRESS_4), (_VERSION_6, 8, _ADDRESS_6)):
        its = np.flatnonzero(network.version == version)
        for end in (0, 1) if len(its) else ():
            ends[end, its] = addresses.numbers(data, network.begin[its] + at + end * size, size)
    return ends[0], ends[1]


def _whole(layers: Layers, end: Ints, counts: Counter[str]) -> Layers:
    """Leave out packets that the capture cut off before `end`."""
    whole = end <= layers.end
    counts[SkippedPacket.CUT] += int(np.count_nonzero(~whole))
    return layers.only(whole)
