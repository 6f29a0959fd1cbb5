"""The agent's `ramp`: idle TCP connections to a server until its answers stop."""

import base64

from clusterdns.model.query_log import IdleConnections
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import DNS_PORT


def open_idle(  # noqa: PLR0913 - from where, to whom, what, how many, how long
    prober: Prober, pod: ProbePod, address: str, wire: bytes, *, most: int, timeout: float
) -> IdleConnections:
    """Open connections from a pod and keep them idle; all are closed in the end.

    Args:
        prober: Runs the operation.
        pod: Opens them.
        address: The server's.
        wire: A query that the server answers at once.
        most: Connections.
        timeout: Seconds for an answer, and for the connections that are tried together.

    Raises:
        ProbeError: the agent failed, or fell silent.
    """
    request = {
        "address": address,
        "port": DNS_PORT,
        "wire": base64.b64encode(wire).decode(),
        "most": most,
        "timeout": timeout,
    }
    (answer,) = prober.run(pod, "ramp", request)
    return IdleConnections(
        answered=answer["answered"],
        connected=answer["connected"],
        tried=answer["tried"],
        udp_answered=answer["udp_answered"],
    )
