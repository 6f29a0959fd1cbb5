"""From link layers and tunnels to IP packets, many at a time.

A layer is told by the EtherType of what lies in it, whoever tells it: Ethernet itself has one, too (0x6558,
RFC 1701: "transparent Ethernet bridging"). Link types: https://www.tcpdump.org/linktypes.html
"""

import socket
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from clusterdns.analysis.arrays import Columns, Flags, Ints, numbers
from clusterdns.analysis.capture.records import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_RAW,
    Records,
)

IP, IPV6, ETHERNET, MPLS, PPP, PPPOE = 0x0800, 0x86DD, 0x6558, 0x8847, 0x880B, 0x8864
_OTHER = -1
_VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
_MPLS_MULTICAST = 0x8848
_ERSPAN = {0x88BE: 8, 0x22EB: 12}  # octets before the mirrored frame
_PPP_KINDS = {0x0021: IP, 0x0057: IPV6, 0x0281: MPLS}
_MOST_LAYERS = 8

_LINKTYPE_NFLOG = 239
_ANY = (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2)  # tcpdump -i any: a packet comes once an interface
# linktype -> (where the kind of what it holds is told, where that begins).
_TOLD = {LINKTYPE_LINUX_SLL: (14, 16), LINKTYPE_LINUX_SLL2: (0, 20)}
# linktype -> (what it holds, where that begins). 12 and 14 are DLT_RAW's numbers on BSDs; loopbacks tell an
# address family, which differs between systems: IP tells its version itself.
_KNOWN = {
    LINKTYPE_ETHERNET: (ETHERNET, 0),
    0: (IP, 4),
    108: (IP, 4),
    12: (IP, 0),
    14: (IP, 0),
    LINKTYPE_RAW: (IP, 0),
    228: (IP, 0),
    229: (IP, 0),
    9: (PPP, 0),
    50: (PPP, 0),
    51: (PPPOE, 0),
}
_NFLOG_PAYLOAD, _NFLOG_HEAD, _MOST_ATTRIBUTES = 9, 4, 32

_VXLAN_PORTS, _GENEVE_PORT = (4789, 8472), 6081  # IANA's, and that of Linux and Flannel before it
_VXLAN_HAS_NUMBER = 0x08
_UDP_HEADER = 8
_GRE_CHECKSUM, _GRE_ROUTING, _GRE_KEY, _GRE_SEQUENCE, _GRE_ACK = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080


@dataclass(frozen=True, slots=True)
class Layers(Columns):
    """What packets hold at some depth.

    Attributes:
        index: Which of the records.
        kind: The EtherType of what begins at `start`.
        start, end: Where it begins and ends in the records' data, as far as it was captured.
    """

    index: Ints
    kind: Ints
    start: Ints
    end: Ints


def opened(records: Records, counts: Counter[str]) -> Layers:
    """Find where the packets' first layer above the link's begins.

    Args:
        records: The packets.
        counts: Where those of link types that are not read are counted.
    """
    start, kind = records.at.copy(), np.full(len(records), _OTHER)
    for linktype in np.unique(records.linktype).tolist():
        its = np.flatnonzero(records.linktype == linktype)
        if linktype in _TOLD:
            told, begin = _TOLD[linktype]
            kind[its] = numbers(records.data, ">u2", start[its] + told)
            start[its] += begin
        elif linktype in _KNOWN:
            kind[its], begin = _KNOWN[linktype]
            start[its] += begin
        elif linktype == _LINKTYPE_NFLOG:
            start[its] = _nflog(records, its)
            kind[its] = IP
        else:
            counts[f"packets of link type {linktype}, which is not read"] += len(its)
    layers = Layers(np.arange(len(records)), kind, start, records.at + records.captured)
    return layers.only(np.isin(records.linktype, [*_TOLD, *_KNOWN, _LINKTYPE_NFLOG]))


def peeled(data: bytes, layers: Layers) -> Layers:
    """Take off Ethernet, VLAN tags, MPLS labels, PPPoE and PPP; what is cut off within them stays."""
    kind, start, last = layers.kind.copy(), layers.start.copy(), len(data) - 32
    for _ in range(_MOST_LAYERS):
        going = np.flatnonzero((kind != IP) & (kind != IPV6) & (kind != _OTHER) & (start < layers.end))
        if not len(going):
            break
        at, kinds = np.minimum(start[going], last), kind[going]
        inner, size = np.full(len(going), _OTHER), np.zeros(len(going), np.int64)
        for which, (within, octets) in (
            (kinds == ETHERNET, (numbers(data, ">u2", at + 12), 14)),
            (np.isin(kinds, _VLAN), (numbers(data, ">u2", at + 2), 4)),
            ((kinds == MPLS) | (kinds == _MPLS_MULTICAST), (_below_mpls(data, at), 4)),
            (kinds == PPPOE, (np.full(len(at), PPP), 6)),
        ):
            inner[which], size[which] = within[which], octets
        ppp = kinds == PPP
        inner[ppp], size[ppp] = (column[ppp] for column in _below_ppp(data, at))
        kind[going] = inner
        start[going] += size
    return replace(layers, kind=kind, start=start)


def tunnelled(data: bytes, protocol: Ints, transport: Ints, port: Ints) -> tuple[Ints, Ints]:
    """Find what lies within IP packets that are tunnels.

    Args:
        data: Where they lie.
        protocol: IP's.
        transport: Where what follows IP's header begins.
        port: The destination's, of UDP.

    Returns:
        The EtherType of what is within, -1 for what is no tunnel, and where it begins.
    """
    kind, start = np.full(len(protocol), _OTHER), transport.copy()
    kind[protocol == socket.IPPROTO_IPIP] = IP
    kind[protocol == socket.IPPROTO_IPV6] = IPV6
    last = len(data) - 32
    if len(its := np.flatnonzero(protocol == socket.IPPROTO_GRE)):
        kind[its], size = _below_gre(data, np.minimum(transport[its], last))
        start[its] += size
    udp = protocol == socket.IPPROTO_UDP
    if len(its := np.flatnonzero(udp & np.isin(port, _VXLAN_PORTS))):
        flags = numbers(data, "u1", np.minimum(transport[its] + _UDP_HEADER, last))
        its = its[flags & _VXLAN_HAS_NUMBER != 0]
        kind[its] = ETHERNET
        start[its] += _UDP_HEADER + 8
    if len(its := np.flatnonzero(udp & (port == _GENEVE_PORT))):
        at = np.minimum(transport[its] + _UDP_HEADER, last)
        kind[its] = numbers(data, ">u2", at + 2)
        start[its] += _UDP_HEADER + 8 + (numbers(data, "u1", at) & 0x3F) * 4
    return kind, start


def points(records: Records) -> tuple[Flags, Ints]:
    """Tell where packets were seen: whether that may be several places each, and a number for the place."""
    several = np.isin(records.linktype, _ANY) | (records.interfaces > 1)
    point = np.zeros(len(records), np.int64)
    if several.any():
        point = records.interface << 40
        sll, sll2 = records.linktype == LINKTYPE_LINUX_SLL, records.linktype == LINKTYPE_LINUX_SLL2
        at = records.at
        point[sll] |= numbers(records.data, ">u2", at[sll])
        told = numbers(records.data, ">u4", at[sll2] + 4) << 8 | numbers(records.data, "u1", at[sll2] + 10)
        point[sll2] |= told
    return several, point


def _below_mpls(data: bytes, at: Ints) -> Ints:
    """Tell what follows an MPLS label: another one, or what IP's version, or else an Ethernet, begins."""
    is_last = numbers(data, "u1", at + 2) & 1 == 1
    version = numbers(data, "u1", at + 4) >> 4
    below = np.where((version == 4) | (version == 6), IP, ETHERNET)  # noqa: PLR2004 - IP's versions
    return np.where(is_last, below, MPLS)


def _below_ppp(data: bytes, at: Ints) -> tuple[Ints, Ints]:
    """Tell what PPP holds, and how long its header is: address and control may be left out (RFC 1661)."""
    framed = numbers(data, ">u2", at) == 0xFF03  # noqa: PLR2004 - all stations, unnumbered information
    at = at + 2 * framed
    short = numbers(data, "u1", at) & 1 == 1
    protocol = np.where(short, numbers(data, "u1", at), numbers(data, ">u2", at))
    kind = np.full(len(at), _OTHER)
    for told, within in _PPP_KINDS.items():
        kind[protocol == told] = within
    return kind, 2 * framed + np.where(short, 1, 2)


def _below_gre(data: bytes, at: Ints) -> tuple[Ints, Ints]:
    """Tell what GRE holds, and how long its header is (RFC 2784, 2890, 2637)."""
    flags, kind = numbers(data, ">u2", at), numbers(data, ">u2", at + 2)
    summed = flags & (_GRE_CHECKSUM | _GRE_ROUTING) != 0
    numbered = flags & _GRE_SEQUENCE != 0
    size = 4 + 4 * summed + 4 * (flags & _GRE_KEY != 0) + 4 * numbered
    size += 4 * ((flags & 7 == 1) & (flags & _GRE_ACK != 0))
    for mirrored, octets in _ERSPAN.items():
        its = kind == mirrored
        size[its] += np.where(numbered[its], octets, 0)
        kind[its] = ETHERNET
    return kind, size


def _nflog(records: Records, its: Ints) -> Ints:
    """Find the packets in what Linux' netfilter logs: attributes of length, type and value."""
    data, last = records.data, len(records.data) - 32
    at, end = records.at[its] + 4, (records.at + records.captured)[its]
    found, going = end.copy(), np.arange(len(its))
    for _ in range(_MOST_ATTRIBUTES):
        going = going[at[going] + 4 <= end[going]]
        if not len(going):
            break
        head = np.minimum(at[going], last)
        sizes = {order: numbers(data, f"{order}u2", head) for order in "<>"}
        # They are in the order of the machine that captured: the right one is the one that fits.
        little = (sizes["<"] >= _NFLOG_HEAD) & (head + sizes["<"] <= end[going])
        size = np.where(little, sizes["<"], sizes[">"])
        kinds = (numbers(data, f"{order}u2", head + 2) for order in "<>")
        kind = np.where(little, *kinds) & 0x3FFF
        packet = kind == _NFLOG_PAYLOAD
        found[going[packet]] = at[going[packet]] + 4
        at[going] += np.maximum((size + 3) // 4 * 4, 4)
        going = going[~packet]
    return found
