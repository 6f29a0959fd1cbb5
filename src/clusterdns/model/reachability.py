"""Whether a DNS server can be reached from a node."""

from dataclasses import dataclass

TRANSPORTS = ("udp", "tcp")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A query that was sent from a pod on a node.

    Attributes:
        node: Where the pod runs.
        target: What was asked: its name and address.
        transport: "udp" or "tcp".
        failure: Why no answer came, None where one came, whatever it says.
    """

    node: str
    target: str
    transport: str
    failure: str | None
