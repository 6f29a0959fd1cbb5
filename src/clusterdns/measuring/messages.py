"""Queries made and answers read, each once however often it goes over the wire."""

import os
from dataclasses import dataclass, field

from clusterdns.model.exchange import Exchange, Message, Path
from clusterdns.model.questions import Question
from clusterdns.probing.sending import GIVEN_UP, Reply
from clusterdns.probing.wire import MalformedMessage, question, read

_NO_ANSWER = "no answer: {}"


@dataclass
class Messages:
    """What has been made and read: of messages alike but for their id, one."""

    _wires: dict[tuple[str, str, int | None], bytes] = field(default_factory=dict, init=False)
    _parsed: dict[bytes, Message | str] = field(default_factory=dict, init=False)

    def query(self, asked: Question, edns: int | None) -> bytes:
        """Return a query with an id of its own.

        Args:
            asked: What it asks.
            edns: The UDP payload size that it offers; None without EDNS.
        """
        key = (asked.name, asked.rtype, edns)
        if key not in self._wires:
            self._wires[key] = question(asked.name, asked.rtype, edns=edns, ident=0)
        return os.urandom(2) + self._wires[key][2:]

    def exchange(self, path: Path, query: bytes, reply: Reply) -> Exchange:
        """Return what came of a query along a path."""
        strays = f" ({reply.strays} came with another id)" if reply.strays else ""
        if reply.failure:
            failure = f"{_NO_ANSWER.format(reply.failure)}{strays}"
            return Exchange(path, query, None, failure, answered=False, sent=reply.tried)
        message = self._read(reply.wire)
        if isinstance(message, str):
            return Exchange(path, query, None, message)
        failure = ""
        if reply.source != (path.address, path.port):
            failure = f"answered from {_endpoint(reply.source)}"
        elif reply.wire[:2] != query[:2]:
            failure = "answered with another id"
        return Exchange(path, query, message, failure)

    def _read(self, wire: bytes) -> Message | str:
        """Return an answer, or what is wrong with it."""
        content = wire[2:]
        if content not in self._parsed:
            try:
                self._parsed[content] = read(wire)
            except MalformedMessage as error:
                self._parsed[content] = f"malformed answer: {error}"
        return self._parsed[content]


def unsent(path: Path) -> Exchange:
    """Return what came of a query that was not sent, since others like it had no answer."""
    return Exchange(path, b"", None, _NO_ANSWER.format(GIVEN_UP), answered=False, sent=False)


def _endpoint(source: tuple[str, int] | None) -> str:
    return f"{source[0]}, port {source[1]}" if source else "nowhere"
