"""The agent's `send`: raw DNS messages to addresses, and what comes back."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.probing.pods import ProbePod, Prober

DNS_PORT = 53
TIMEOUT = "timeout"
"""The failure of a message that was sent and not answered in time."""
CONNECT_TIMEOUT = "connect timeout"
"""The failure of a message to which no connection was made in time."""
GIVEN_UP = "given up"
"""The failure of a message that was not sent, since its server had left several before it unanswered."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to be sent.

    Attributes:
        wire: The message.
        address: The server's.
        transport: "udp" or "tcp".
        port: The server's.
        connection: Of TCP: messages of the same name to one server share a connection, in turn; None for a
            connection of its own.
        turn: Of the messages with the same turn, one is in flight at a time; None: it waits for nobody.
        alike: What it has in common with those that are given up together with it; None for the transport.
        timeout: Seconds for its answer; None for what all have.
        late: Seconds after which it keeps no other from being sent; None: 0.3 by UDP, by TCP it always does.
    """

    wire: bytes
    address: str
    transport: str
    port: int = DNS_PORT
    connection: str | None = None
    turn: str | None = None
    alike: str | None = None
    timeout: float | None = None
    late: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a message.

    Attributes:
        index: Of the message among those that were to be sent.
        failure: Why no answer came, in a word; None where one came.
        tried: Whether it was tried to send it: it is not where its server was given up, or its connection
            had failed before.
        wire: The answer; empty where none came.
        source: Address and port that it came from; None where none came.
        strays: Datagrams with another id that came instead.
        sent_ns: Wall clock; None where it was not sent.
        received_ns: Wall clock; None where no answer came.
    """

    index: int
    failure: str | None
    tried: bool
    wire: bytes
    source: tuple[str, int] | None
    strays: int
    sent_ns: int | None
    received_ns: int | None


def send(  # noqa: PLR0913 - all that a batch of messages is made of
    prober: Prober,
    pod: ProbePod,
    messages: Sequence[Outgoing],
    *,
    timeout: float,
    concurrency: int | None = None,
    give_up: int | None = None,
    repeatable: bool = False,
) -> list[Reply]:
    """Send messages from a pod; return what came of each, in the order in which they ended.

    Args:
        prober: Runs the operation.
        pod: Sends.
        messages: What is sent.
        timeout: Seconds for each, connecting included.
        concurrency: Sockets in use at once; None for the agent's default.
        give_up: A server that leaves so many messages that are alike in a row unanswered is sent no more
            of them; None for a server that is never given up.
        repeatable: Whether nobody counts the messages: all may be sent again where the answers got lost.

    Raises:
        ProbeError: the agent failed, or fell silent.
    """
    request: dict[str, object] = {"messages": [_as_json(message) for message in messages], "timeout": timeout}
    if concurrency is not None:
        request["concurrency"] = concurrency
    if give_up is not None:
        request["give_up"] = give_up
    return [
        Reply(
            index=answer["message"],
            failure=answer["failure"],
            tried=answer["tried"],
            wire=base64.b64decode(answer["wire"] or ""),
            source=(answer["source"][0], answer["source"][1]) if answer["source"] else None,
            strays=answer["strays"],
            sent_ns=answer["sent_ns"],
            received_ns=answer["received_ns"],
        )
        for answer in prober.run(pod, "send", request, repeatable=repeatable)
    ]


def _as_json(message: Outgoing) -> dict[str, object]:
    return {
        "wire": base64.b64encode(message.wire).decode(),
        "address": message.address,
        "port": message.port,
        "transport": message.transport,
        "connection": message.connection,
        "turn": message.turn,
        "alike": message.alike,
        "timeout": message.timeout,
        "late": message.late,
    }
