"""Manifests with blanks in them: files of manifests/records/ -> objects to create."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

import yaml

from clusterdns.cluster.api import Object

_COPIES = "clusterdns.io/endpoints"
_NETWORKS = 512  # of 256 addresses, in 198.18.0.0/15


def fill_in(path: Path, values: Mapping[str, str]) -> Iterator[Object]:
    """Yield the objects of a file, every ${name} filled in, and endpoints copied where that is asked for.

    Raises:
        KeyError: a name has no value.
    """
    for manifest in yaml.safe_load_all(Template(path.read_text(encoding="utf-8")).substitute(values)):
        copies = int((manifest["metadata"].get("annotations") or {}).get(_COPIES, 0))
        if copies:
            (first,) = manifest["endpoints"]
            manifest["endpoints"] = list(_copies(first, copies))
        yield manifest


def as_endpoints(slices: Iterable[Object]) -> Iterator[Object]:
    """Yield v1 Endpoints with the content of the EndpointSlices, for servers that read no others.

    They are as the controller writes them: of one family, which is that of a Service's first slice, and a
    subset for all addresses that have the same ports.
    """
    by_service: dict[str, list[Object]] = {}
    for endpoint_slice in slices:
        name = endpoint_slice["metadata"]["labels"]["kubernetes.io/service-name"]
        by_service.setdefault(name, []).append(endpoint_slice)
    for name, of_service in by_service.items():
        # Slices of the same content are there already.
        labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
        yield {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": name, "labels": labels},
            "subsets": list(_subsets(of_service)),
        }


def _subsets(slices: Sequence[Object]) -> Iterator[Object]:
    family = slices[0]["addressType"]
    by_ports: dict[str, Object] = {}
    for endpoint_slice in slices:
        if endpoint_slice["addressType"] != family:
            continue
        ports = [
            {key: value for key, value in port.items() if value != ""} for port in endpoint_slice["ports"]
        ]
        subset = by_ports.setdefault(str(ports), {"ports": ports})
        for endpoint in endpoint_slice["endpoints"]:
            ready = endpoint.get("conditions", {}).get("ready") is not False
            hostname = {"hostname": endpoint["hostname"]} if "hostname" in endpoint else {}
            addresses = subset.setdefault("addresses" if ready else "notReadyAddresses", [])
            addresses += [{"ip": address, **hostname} for address in endpoint["addresses"]]
    yield from by_ports.values()


def network(run_id: str, others: Collection[str] = ()) -> dict[str, str]:
    """Return the networks that a run takes the addresses of its endpoints from, as they begin.

    198.18.0.0/15 is for benchmarks (RFC 2544) and 2001:db8::/32 for documentation (RFC 3849): nobody routes
    them. Runs have different ones, so that an address leads back to one run's names.

    Args:
        run_id: Of the run, in hexadecimal.
        others: Ids of other runs whose endpoints may still be known.
    """
    number = int(run_id, 16)
    taken = {int(other, 16) % _NETWORKS for other in others}
    step = number // _NETWORKS | 1  # runs that give way to each other take different steps
    ways = ((number + turn * step) % _NETWORKS for turn in range(_NETWORKS))
    index = next((index for index in ways if index not in taken), number % _NETWORKS)
    return {
        "network": f"198.{18 + index % 2}.{index // 2}",
        "network6": f"2001:db8:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}",
    }


def _copies(first: Object, count: int) -> Iterator[Object]:
    start = ipaddress.ip_address(first["addresses"][0])
    for index in range(count):
        hostname = f"{first['hostname']}{index}"
        yield {**first, "addresses": [str(start + index)], "hostname": hostname}
