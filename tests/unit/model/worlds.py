"""Services and EndpointSlices as hypothesis draws them."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import strategies as st

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
PROTOCOLS = st.sampled_from(["TCP", "UDP", "SCTP"])
ADDRESSES = {
    "IPv4": st.integers(0, 255).map(lambda n: f"198.18.0.{n}"),
    "IPv6": st.integers(0, 255).map(lambda n: str(ipaddress.ip_address((0x20010DB8 << 96) + n))),
}


@st.composite
def ports(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Ports with names of their own, or a single unnamed one."""
    if draw(st.booleans()):
        return [{"port": draw(st.integers(1, 65535)), "protocol": draw(PROTOCOLS), "name": ""}]
    names = draw(st.lists(LABELS, min_size=1, max_size=3, unique=True))
    return [
        {"name": name, "port": draw(st.integers(1, 65535)), "protocol": draw(PROTOCOLS)} for name in names
    ]


@st.composite
def headless(draw: st.DrawFn, name: str = "svc") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A headless Service, and its slices; no address is in two endpoints."""
    service: dict[str, Any] = {
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": draw(ports())},
    }
    slices = []
    for family, strategy in ADDRESSES.items():
        addresses = draw(st.lists(strategy, max_size=6, unique=True))
        endpoints = [
            {
                "addresses": [address],
                **({"hostname": hostname} if (hostname := draw(st.none() | LABELS)) else {}),
                **draw(
                    st.sampled_from(
                        [
                            {},
                            {"conditions": {}},
                            {"conditions": {"ready": True}},
                            {"conditions": {"ready": False}},
                        ]
                    )
                ),
            }
            for address in addresses
        ]
        if endpoints:
            slices.append(
                {
                    "metadata": {
                        "name": f"{name}-{family.lower()}",
                        "namespace": "ns",
                        "labels": {"kubernetes.io/service-name": name},
                    },
                    "addressType": family,
                    "ports": service["spec"]["ports"],
                    "endpoints": endpoints,
                }
            )
    return service, slices
