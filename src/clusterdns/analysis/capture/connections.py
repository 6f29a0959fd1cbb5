"""TCP connections as the capture sees them: who opened and closed them when, and what went through them."""

from dataclasses import dataclass

import numpy as np

from clusterdns.analysis.arrays import Columns, Flags, Ints

NEVER = int(np.iinfo(np.int64).max)
"""The time of what did not happen."""


@dataclass(frozen=True, slots=True)
class Connections(Columns):
    """TCP connections; times in nanoseconds since 1970, `NEVER` for what was not seen.

    Attributes:
        number: In the order of their first packets.
        client, client_port, server, server_port: Who opened it to whom; addresses as numbers.
        sequence: The client's first; -1 for a connection that was open before the capture.
        first_ns, last_ns: Its first and last packet.
        opened_ns: The client's first SYN.
        syns: How many SYNs the client sent: more than one where the server's listen queue was full.
        answered_ns: The server's first SYN-ACK.
        syn_acks: How many it sent: more than one where it had no room, or a packet was lost.
        taken_ns: The first that shows that the server's kernel holds the connection: it acknowledged more
            than the SYN, or sent data or a FIN. Until then the client alone may believe in it.
        confirmed_ns: The client's first acknowledgement.
        told_ns: Its last data or FIN before `taken_ns`: what the server's kernel let in; 0 for none.
        ignored_ns: The one before, which it did not let in; 0 for none.
        client_fin_ns, server_fin_ns: Either side's first FIN.
        client_reset_ns, server_reset_ns: Either side's first RST.
        ended_ns: When it was closed, or its last packet where another took its ports before that.
        queried_ns: The client's first data.
        replied_ns: The server's first data.
        queries: How many there were.
        responses: How many of them were answered.
        busy_ns: How long at least one query waited for its response.
        busy_until_ns: The last response so far.
        longest_ns: The longest wait for a response.
    """

    number: Ints
    client: Ints
    client_port: Ints
    server: Ints
    server_port: Ints
    sequence: Ints
    first_ns: Ints
    last_ns: Ints
    opened_ns: Ints
    syns: Ints
    answered_ns: Ints
    syn_acks: Ints
    taken_ns: Ints
    confirmed_ns: Ints
    told_ns: Ints
    ignored_ns: Ints
    client_fin_ns: Ints
    server_fin_ns: Ints
    client_reset_ns: Ints
    server_reset_ns: Ints
    ended_ns: Ints
    queried_ns: Ints
    replied_ns: Ints
    queries: Ints
    responses: Ints
    busy_ns: Ints
    busy_until_ns: Ints
    longest_ns: Ints

    @property
    def fin_ns(self) -> Ints:
        """When the first side began to close."""
        client = np.minimum(self.client_fin_ns, self.client_reset_ns)
        return np.minimum(client, np.minimum(self.server_fin_ns, self.server_reset_ns))

    @property
    def closed_ns(self) -> Ints:
        """When both sides had closed, or one had reset."""
        both = np.maximum(self.client_fin_ns, self.server_fin_ns)
        return np.minimum(both, np.minimum(self.client_reset_ns, self.server_reset_ns))

    @property
    def closed_by_client(self) -> Flags:
        """Where the client was the first to close; without meaning for those that nobody closed."""
        return np.equal(np.minimum(self.client_fin_ns, self.client_reset_ns), self.fin_ns)
