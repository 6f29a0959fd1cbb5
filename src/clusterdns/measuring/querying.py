"""Questions about records, asked along paths: from some nodes, of all that serves DNS."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from clusterdns.errors import NodeLost
from clusterdns.measuring.asked_servers import ServerAddress
from clusterdns.measuring.messages import Messages, unsent
from clusterdns.measuring.patience import Channel, Patience, channel_of
from clusterdns.model.exchange import Path
from clusterdns.model.query_matrix import Asked
from clusterdns.model.questions import Question
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import CONNECT_TIMEOUT, GIVEN_UP, TIMEOUT, Outgoing, Reply, send

UDP_SIZES = (None, 512, 1232, 4096)
"""What queries over UDP offer to take: None without EDNS."""
USUAL_SIZE = 1232
"""What most resolvers offer."""

_QUERIES_PER_CONNECTION = 10  # they wait for each other; dnsmasq ends a connection after 100
_GIVE_UP_AFTER = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """Queries along a path that are answered alike, or lost alike: what is given up together.

    Attributes:
        channel: Of their path.
        edns: The UDP payload size that they offer.
        rtype: Of which type they are.
        large: Whether their answers are large.
        outside: Whether a server outside the cluster has a part in them.
    """

    channel: Channel
    edns: int | None
    rtype: str
    large: bool
    outside: bool


@dataclass(frozen=True, slots=True)
class _Pending:
    """A question that is to be asked along a path."""

    question: Question
    path: Path

    @property
    def kind(self) -> Kind:
        path, question_ = self.path, self.question
        return Kind(channel_of(path), path.edns, question_.rtype, question_.large, question_.outside)


@dataclass
class Querier:
    """Asks questions along paths.

    Attributes:
        prober: Runs the queries.
        pods: Node -> the pod that asks there.
        servers: Those that are asked.
        timeout: Seconds for an answer, where its path is not known to lose some.
        concurrency: Queries in flight at once, from all nodes together, as long as none is lost.
        careful: The same, once one has been lost: what has too much to do is not given more.
        in_turn: Whether questions that differ in spelling only are not asked at the same time (`deal_out`).
            What somebody outside the cluster answers is never.
    """

    prober: Prober
    pods: Mapping[str, ProbePod]
    servers: Sequence[ServerAddress]
    timeout: float
    concurrency: int
    careful: int
    in_turn: bool = True
    _messages: Messages = field(default_factory=Messages, init=False)
    _given_up: set[Kind | Channel] = field(default_factory=set, init=False)
    _patience: Patience = field(init=False)
    _patience_outside: Patience = field(init=False)
    _lost: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.timeout)
        # A DNS pod tries one server outside after the other, and may take seconds for it.
        self._patience_outside = Patience(self.timeout)

    def paths(self, *, sizes: Iterable[int | None] = UDP_SIZES, tcp: bool = True) -> list[Path]:
        """Return every way to ask."""
        transports = [("udp", size) for size in sizes] + ([("tcp", None)] if tcp else [])
        return [
            Path(node, server.server, server.address, transport, size, server.pod, server.port)
            for node, server, (transport, size) in product(self.pods, self.servers, transports)
        ]

    def nodes_left(self) -> list[str]:
        """Return the nodes from which it can be asked.

        Raises:
            NodeLost: there is none any more.
        """
        left = [node for node in self.pods if node not in self.prober.lost]
        if not left:
            raise NodeLost("no node is left from which records are asked for")
        return left

    def answers(self, path: Path) -> bool:
        """Return whether anything was answered along a path, as far as is known."""
        return channel_of(path) not in self._given_up

    def ask(self, *batches: tuple[Sequence[Question], Sequence[Path]]) -> list[Asked]:
        """Ask questions along paths, of each batch every question along every path.

        Returns:
            What came of each.

        Raises:
            ProbeError: an agent failed, or fell silent.
        """
        nodes = list(dict.fromkeys(path.node for _, paths in batches for path in paths))
        parts = [(deal_out(questions, len(nodes)), paths) for questions, paths in batches]
        asked: list[Asked] = []
        lost: NodeLost | None = None
        for turn in range(len(nodes)):
            of_nodes = [
                [
                    _Pending(question, path)
                    for dealt, paths in parts
                    for path in paths
                    if path.node == node
                    for question in dealt[(index + turn) % len(nodes)]
                ]
                for index, node in enumerate(nodes)
            ]
            try:
                answered = on_nodes_left(self._ask_from_node, filter(None, of_nodes))
            except NodeLost as error:  # the only node of this turn
                lost = error
                continue
            asked += [pair for _, of_node in answered for pair in of_node]
        if lost and not asked:
            raise lost
        return asked

    def glance(self, pairs: Iterable[tuple[Question, Path]], concurrency: int) -> list[Asked]:
        """Ask questions along paths, all at once, and wait as briefly as where some are known to be lost.

        Who leaves some unanswered may be slow, and is not judged by it. Otherwise as `probe`.
        """
        return self._ask_side_by_side(pairs, concurrency, briefly=True)

    def probe(self, pairs: Iterable[tuple[Question, Path]], concurrency: int) -> list[Asked]:
        """Ask questions along paths, all at once, and give up what leaves all of its kind unanswered.

        Answers may be those that somebody else got who asked the same (see `deal_out`): only whether there
        is one says something.

        Args:
            pairs: What is asked, and along which path.
            concurrency: Queries in flight at once, from all nodes together.

        Raises:
            ProbeError: an agent failed, or fell silent.
        """
        asked = self._ask_side_by_side(pairs, concurrency)
        kinds: dict[Kind | Channel, list[bool]] = {}
        for question_, exchange in asked:
            kind = _Pending(question_, exchange.path).kind
            if exchange.sent:
                kinds.setdefault(kind, []).append(exchange.answered)
                if not question_.outside:
                    kinds.setdefault(kind.channel, []).append(exchange.answered)
        self._given_up |= {
            kind for kind, answered in kinds.items() if len(answered) >= _GIVE_UP_AFTER and not any(answered)
        }
        return asked

    def _ask_side_by_side(
        self, pairs: Iterable[tuple[Question, Path]], concurrency: int, *, briefly: bool = False
    ) -> list[Asked]:
        by_node: dict[str, list[_Pending]] = {}
        for question_, path in pairs:
            by_node.setdefault(path.node, []).append(_Pending(question_, path))
        of_nodes = on_nodes_left(
            lambda batch: self._send(batch, concurrency, side_by_side=True, briefly=briefly), by_node.values()
        )
        return [pair for _, of_node in of_nodes for pair in of_node]

    def _ask_from_node(self, batch: Sequence[_Pending]) -> list[Asked]:
        # What was given up once costs its time-outs once.
        given_up: list[Asked] = [
            (pending.question, unsent(pending.path)) for pending in batch if self._is_given_up(pending.kind)
        ]
        to_send = [pending for pending in batch if not self._is_given_up(pending.kind)]
        at_once = self.careful if self._lost else self.concurrency
        return given_up + (self._send(to_send, at_once) if to_send else [])

    def _is_given_up(self, kind: Kind) -> bool:
        return kind in self._given_up or kind.channel in self._given_up

    def _send(
        self,
        batch: Sequence[_Pending],
        concurrency: int,
        *,
        side_by_side: bool = False,
        briefly: bool = False,
    ) -> list[Asked]:
        """Send a batch from one node, in no order: so a moment's stall is not one kind's alone.

        Args:
            batch: What is asked.
            concurrency: Queries in flight at once, from all nodes together.
            side_by_side: Whether none waits for another.
            briefly: Whether each is waited for as briefly as can be, and nothing is learnt from it.
        """
        batch = random.Random(len(batch)).sample(batch, len(batch))  # noqa: S311 - an order, no secret
        of_kind: Counter[Kind] = Counter()
        messages: list[Outgoing] = []
        for pending in batch:
            # What is lost takes only its own kind's connection with it.
            connection = f"{pending.kind} {of_kind[pending.kind] // _QUERIES_PER_CONNECTION}"
            of_kind[pending.kind] += 1
            messages.append(
                Outgoing(
                    self._messages.query(pending.question, pending.path.edns),
                    pending.path.address,
                    pending.path.transport,
                    pending.path.port,
                    connection=None if side_by_side else connection,
                    turn=None if side_by_side else self._turn(pending.question),
                    # Names outside are few, and may be waited for long: all at once, none for the others.
                    alike=f"{pending.kind} {len(messages)}"
                    if pending.question.outside
                    else str(pending.kind),
                    timeout=self._seconds(pending, briefly=briefly),
                    late=self._late(pending),
                )
            )
        replies = send(
            self.prober,
            self.pods[batch[0].path.node],
            messages,
            timeout=self.timeout,
            concurrency=max(concurrency // len(self.pods), 1),
            give_up=_GIVE_UP_AFTER,
            repeatable=True,
        )
        if not briefly:
            self._given_up |= {batch[reply.index].kind for reply in replies if reply.failure == GIVEN_UP}
            for reply in replies:
                self._learn(batch[reply.index], reply)
        return [
            (
                batch[reply.index].question,
                self._messages.exchange(batch[reply.index].path, messages[reply.index].wire, reply),
            )
            for reply in replies
        ]

    def _turn(self, asked: Question) -> str | None:
        return _spelled_alike(asked) if self.in_turn or asked.outside else None

    def _seconds(self, pending: _Pending, *, briefly: bool) -> float:
        if briefly:
            return self._patience.glance_seconds(pending.kind.channel)
        return self._patience_for(pending).seconds(pending.kind.channel)

    def _patience_for(self, pending: _Pending) -> Patience:
        return self._patience_outside if pending.question.outside else self._patience

    def _late(self, pending: _Pending) -> float | None:
        # Where dnsmasq may serve by TCP, who waits to be accepted takes one of its few connections.
        if pending.question.outside or (self.in_turn and pending.path.transport == "tcp"):
            return None
        return self._patience.late_seconds(pending.kind.channel)

    def _learn(self, pending: _Pending, reply: Reply) -> None:
        patience = self._patience_for(pending)
        if reply.failure in (TIMEOUT, CONNECT_TIMEOUT):
            self._lost |= not pending.question.outside
            patience.learn(pending.kind.channel, None)
        elif reply.sent_ns is not None and reply.received_ns is not None:
            patience.learn(pending.kind.channel, (reply.received_ns - reply.sent_ns) / 1e9)


def deal_out(questions: Sequence[Question], parts: int) -> list[list[Question]]:
    """Deal questions out so that nodes which ask a part each never ask the same at the same time.

    Who asks dnsmasq for a name while it waits for that name's answer on somebody else's behalf gets that
    answer: in the other's spelling, and of the size that the other allowed (src/forward.c, forward_query).
    So what differs in spelling only comes into one part. From one node they take turns.
    """
    groups: dict[str, list[Question]] = {}
    for question_ in questions:
        groups.setdefault(_spelled_alike(question_), []).append(question_)
    dealt = [list(groups.values())[index::parts] for index in range(parts)]
    return [[question_ for group in part for question_ in group] for part in dealt]


def _spelled_alike(asked: Question) -> str:
    return f"{asked.name.lower()} {asked.rtype}"
