"""Changes of Services, and when each path shows them: asked every 20 ms while the change is made."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from clusterdns.measuring.service_changes import ServiceChanges
from clusterdns.model.convergence import Convergence
from clusterdns.model.exchange import Message, Path
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.polling import PollCounts, Polling, PollTarget, poll
from clusterdns.probing.wire import MalformedMessage, question, read
from clusterdns.settings import Settings

INTERVAL = 0.02
"""Seconds from one query along a path to the next."""

_ROUNDS = 3
_MOST_ENDPOINTS = 1000  # that a slice may have (k8s.io/kubernetes pkg/apis/discovery/validation)
_SETTLED = 1.0  # seconds for the API server's part


def change_limit(settings: Settings) -> float:
    """Return the seconds within which a changed or deleted record is to be gone from every cache."""
    return settings.record_ttl_limit + settings.propagation_limit


@dataclass(frozen=True)
class PathPoller:
    """Asks along every path again and again while a change is made.

    Attributes:
        prober: Runs the queries.
        pods: Node -> the pod that asks there.
        paths: Along which.
    """

    prober: Prober
    pods: Mapping[str, ProbePod]
    paths: Sequence[Path]

    def watch(
        self,
        what: str,
        names: Sequence[Sequence[str]],
        change: Callable[[], object],
        shows: Callable[[Message], bool],
        seconds: float,
    ) -> list[Convergence]:
        """Make a change; return when each path showed it.

        Args:
            what: The change, in words.
            names: Of each path: what it is asked for, in turn.
            change: Makes it.
            shows: Whether an answer shows it.
            seconds: How long to look for it.

        Raises:
            ProbeError: an agent failed, or fell silent.
        """
        wires = {name: question(name, "A", ident=0) for of_path in names for name in of_path}
        by_node: dict[str, list[int]] = {}
        for index, path in enumerate(self.paths):
            by_node.setdefault(path.node, []).append(index)

        def start(node: str) -> Polling:
            targets = [
                PollTarget(
                    self.paths[index].address,
                    [wires[name] for name in names[index]],
                    self.paths[index].port,
                )
                for index in by_node[node]
            ]
            return poll(self.prober, self.pods[node], targets, interval=INTERVAL, seconds=seconds + _SETTLED)

        with ExitStack() as until_seen:
            polls = on_nodes_left(lambda node: until_seen.enter_context(start(node)), by_node)
            began_ns = time.time_ns()
            change()

            def follow(node_and_polling: tuple[str, Polling]) -> list[Convergence]:
                node, polling = node_and_polling
                paths = [self.paths[index] for index in by_node[node]]
                return _follow(polling, paths, what, shows, began_ns)

            of_nodes = on_nodes_left(follow, polls)
        return [convergence for _, of_node in of_nodes for convergence in of_node]


def watch_creations(changes: ServiceChanges, poller: PathPoller, limit: float) -> list[Convergence]:
    """Create Services, one after the other; return when each path showed each.

    No name is asked for twice, so no cache holds that there is none.

    Args:
        changes: Creates them.
        poller: Asks for them.
        limit: Seconds within which they are to be shown.

    Raises:
        ProbeError: an agent failed, or fell silent.
    """
    convergences: list[Convergence] = []
    for index in range(_ROUNDS):
        paths = len(poller.paths)
        if not paths:
            break
        per_path = min(_MOST_ENDPOINTS // paths, int((limit + _SETTLED) / INTERVAL) + 1) or 1
        hostnames = [f"n{number}" for number in range(min(paths * per_path, _MOST_ENDPOINTS))]
        service, address = f"created-{index}", changes.address(250 + index)
        names = [
            [changes.name(hostname, service) for hostname in hostnames[number::paths] or hostnames[:1]]
            for number in range(paths)
        ]
        watched = poller.watch(
            f"created {index + 1}",
            names,
            partial(changes.create, service, hostnames, address),
            shows_address(address),
            limit,
        )
        convergences += watched
        silent = {seen.path for seen in watched if not seen.answers}  # not waited for as long once more
        poller = replace(poller, paths=[path for path in poller.paths if path not in silent])
    return convergences


def watch_update(
    changes: ServiceChanges, poller: PathPoller, negative_limit: float, limit: float
) -> list[Convergence]:
    """Give a Service that every cache holds another endpoint; return when each path showed it.

    Args:
        changes: Makes the Service, and changes it.
        poller: Asks for it.
        negative_limit: Seconds within which it is to be shown at first: caches may hold that it is not there.
        limit: Seconds within which the change is to be shown.

    Raises:
        ProbeError: an agent failed, or fell silent.
    """
    service, hostname, address = "to-be-updated", "endpoint", changes.address(249)
    names = _make_known(changes, poller, service, hostname, negative_limit)
    return poller.watch(
        "updated", names, lambda: changes.move(service, hostname, address), shows_address(address), limit
    )


def watch_deletion(
    changes: ServiceChanges, poller: PathPoller, negative_limit: float, limit: float
) -> list[Convergence]:
    """Delete a Service that every cache holds; return when each path showed it: see `watch_update`."""
    service, hostname = "to-be-deleted", "endpoint"
    names = _make_known(changes, poller, service, hostname, negative_limit)
    return poller.watch(
        "deleted", names, lambda: changes.delete(service), lambda message: message.rcode == "NXDOMAIN", limit
    )


def _make_known(
    changes: ServiceChanges, poller: PathPoller, service: str, hostname: str, seconds: float
) -> list[list[str]]:
    """Create a Service, and wait until every path shows it; return what each is asked for."""
    address = changes.address(248)
    names = [[changes.name(hostname, service)]] * len(poller.paths)
    changes.create(
        service, [hostname], address
    )  # before it is asked for: caches need not hold that it is not there
    poller.watch("created", names, lambda: None, shows_address(address), seconds)
    return names


def _follow(
    polling: Polling, paths: Sequence[Path], change: str, shows: Callable[[Message], bool], began_ns: int
) -> list[Convergence]:
    """Return what the paths of one node showed; polling ends when all have shown the change."""
    states: list[list[tuple[float, str]]] = [[] for _ in paths]
    first_seconds: dict[int, float] = {}
    counts: dict[int, PollCounts] = {}
    for answer in polling.answers():
        if isinstance(answer, PollCounts):
            counts[answer.target] = answer
            continue
        seconds = round((answer.sent_ns - began_ns) / 1e9, 3)
        try:
            message = read(answer.wire)
        except MalformedMessage as error:
            states[answer.target].append((seconds, f"malformed answer: {error}"))
            continue
        of_path = states[answer.target]
        if not of_path or of_path[-1][1] != _words(message):
            of_path.append((seconds, _words(message)))
        if answer.target not in first_seconds and shows(message):
            first_seconds[answer.target] = max(seconds, 0.0)
            if len(first_seconds) == len(paths):
                polling.stop()
    return [
        Convergence(
            path,
            change,
            first_seconds.get(index),
            tuple(states[index]),
            counts[index].queries,
            counts[index].answers,
        )
        for index, path in enumerate(paths)
    ]


def shows_address(address: str) -> Callable[[Message], bool]:
    """Return what tells whether an answer is this address and nothing else."""
    return lambda message: [record.data for record in message.answer] == [address]


def _words(message: Message) -> str:
    return " ".join([message.rcode, *(record.data for record in message.answer)])
