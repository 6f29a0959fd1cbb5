"""A capture around something else: running before it starts, complete when it has ended."""

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clusterdns.errors import CaptureIncomplete
from clusterdns.probing.pods import Answer, ProbePod, Prober


@dataclass(slots=True)
class Captured:
    """What a capture saw: a pcap file, there when its context has ended."""

    pcap: bytes = b""


@contextmanager
def capturing(prober: Prober, pod: ProbePod, seconds: float) -> Iterator[Captured]:
    """Capture the DNS packets of a pod while the context lasts, for at most `seconds`.

    Raises:
        CaptureIncomplete: packets were dropped: what is missing cannot be told from what was not sent.
        ProbeError: the capture was not ready, or failed.
    """
    captured = Captured()
    request = {"interface": "eth0", "seconds": seconds}
    with prober.open(pod, "capture", request, container="capture") as operation:
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
