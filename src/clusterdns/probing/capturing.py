"""A capture around something else: running before it starts, complete when it has ended."""

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from clusterdns.errors import CaptureIncomplete
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod, Prober


class Point(NamedTuple):
    """Where in a pod to capture: an interface, and a port of DNS."""

    interface: str
    port: int


ETH0 = Point("eth0", 53)
"""What a pod sends and receives."""
KUBEDNS = Point("lo", 10053)
"""What dnsmasq asks kubedns, within a pod of kube-dns."""


@dataclass(slots=True)
class Captured:
    """What a capture saw: a pcap file, there when its context has ended."""

    pcap: bytes = b""


@contextmanager
def capturing(
    prober: Prober, pod: ProbePod, seconds: float, *, at: Point = ETH0, debug_container: str | None = None
) -> Iterator[Captured]:
    """Capture the DNS packets of a pod while the context lasts, for at most `seconds`.

    Args:
        prober: Runs the capture.
        pod: One of ours with a container to capture in, or anybody's with a debug container.
        seconds: After which the capture ends by itself.
        at: Where in the pod.
        debug_container: Its name, in a pod of somebody else's (`debugging.CAPTURE`).

    Raises:
        CaptureIncomplete: packets were dropped: what is missing cannot be told from what was not sent.
        ProbeError: the capture was not ready, or failed.
    """
    captured = Captured()
    request = {"interface": at.interface, "port": at.port, "seconds": seconds}
    running = (
        prober.open_unmounted(pod, "capture", request, debug_container)
        if debug_container
        else prober.open(pod, "capture", request, container="capture")
    )
    with running as operation:
        operation.ready()
        yield captured
        operation.stop()
        answers = operation.collect()
    _fill(captured, answers, pod)


def _fill(captured: Captured, answers: list[Answer], pod: ProbePod) -> None:
    counts = answers[-1]
    if counts["drops"]:
        raise CaptureIncomplete(
            f"capture in pod {pod.name} on {pod.node} lost {counts['drops']} of {counts['packets']} packets: "
            "run again when the node is less busy"
        )
    pieces = b"".join(base64.b64decode(answer["pcap"]) for answer in answers if "pcap" in answer)
    captured.pcap = zlib.decompress(pieces)
