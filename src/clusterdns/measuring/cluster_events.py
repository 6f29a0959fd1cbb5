"""What happens to a cluster while something else is measured: objects watched, the API server looked at."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.changes import WATCHED, Facts, Watched, changes, key_of
from clusterdns.errors import HarnessError, PermissionMissing
from clusterdns.model.soak import Event

_WATCH_SECONDS = 20  # of one watch: what it breaks off with is noticed that soon
_AGAIN = 1.0  # seconds after which what failed is tried again
_MOST_EVENTS = 10_000  # an upgrade of a thousand nodes has about so many
_LOOK = 2.0  # seconds between two looks at the API server


class EventLog:
    """Events as they are seen, in seconds since a start; threads add to it."""

    def __init__(self, start: float) -> None:
        """Take the start, by the monotonic clock."""
        self._start = start
        self._events: list[Event] = []
        self._known: dict[tuple[str, str | None], Mapping[str, Facts]] = {}

    def add(self, what: str) -> None:
        """Take down what has just been seen, unless there is too much of it."""
        if len(self._events) < _MOST_EVENTS:
            self._events.append(Event(round(time.monotonic() - self._start, 3), what))

    def events(self) -> list[Event]:
        """Return what was seen so far, in order."""
        return sorted(self._events, key=lambda event: event.at_s)

    def keep(self, resource: str, namespace: str | None, known: Mapping[str, Facts]) -> None:
        """Remember how all objects of a resource are."""
        self._known[resource, namespace] = known

    def known(self, resource: str) -> dict[str, Facts]:
        """Return how the objects of a resource were when last seen: name -> facts."""
        return {
            name: facts
            for (kind, _), objects in list(self._known.items())
            if kind == resource
            for name, facts in list(objects.items())
        }


@contextmanager
def watched_cluster(cluster: Cluster, namespaces: Iterable[str], start: float) -> Iterator[EventLog]:
    """Watch nodes and what serves DNS, until the block ends.

    What cannot be watched for want of a permission is an event that says so.

    Args:
        cluster: Which.
        namespaces: With DNS.
        start: From which events are timed, by the monotonic clock.
    """
    log, stop = EventLog(start), threading.Event()
    places: Sequence[str | None] = list(namespaces)
    tasks: list[Callable[[], None]] = [
        lambda kind=kind, namespace=namespace: _follow(cluster, kind, namespace, log, stop)  # type: ignore[misc]
        for kind in WATCHED
        for namespace in ([None] if kind.everywhere else places)
    ]
    tasks.append(lambda: _look_at_server(cluster, log, stop))
    for task in tasks:
        threading.Thread(target=task, daemon=True).start()
    try:
        yield log
    finally:
        stop.set()


def _follow(
    cluster: Cluster, kind: Watched, namespace: str | None, log: EventLog, stop: threading.Event
) -> None:
    """Tell how objects of a kind change, whatever becomes of the connection."""
    known: dict[str, Facts] | None = None  # what they were when last seen, before an outage, too
    version = ""
    while not stop.is_set():
        try:
            if not version:
                listed, version = cluster.snapshot(kind.resource, api=kind.api, namespace=namespace)
                known = _taken_in(listed, known, kind, log)
                log.keep(kind.resource, namespace, known)
            changed = cluster.watch(
                kind.resource, version, api=kind.api, namespace=namespace, seconds=_WATCH_SECONDS
            )
            assert known is not None  # noqa: S101 - for mypy: there is a version, and so a list
            for event, thing in changed:
                if stop.is_set():
                    return
                version = thing["metadata"].get("resourceVersion", version)
                _take(key_of(thing), None if event == "DELETED" else kind.facts(thing), known, kind, log)
        except PermissionMissing as error:
            log.add(f"{kind.resource} are not watched: {error}")
            return
        except HarnessError:  # a new list tells what was missed
            version = ""
            stop.wait(_AGAIN)


def _taken_in(
    listed: Iterable[Object], before: dict[str, Facts] | None, kind: Watched, log: EventLog
) -> dict[str, Facts]:
    """Return the facts of a list, having told how they differ from those before, where there are any."""
    now = {key_of(thing): facts for thing in listed if (facts := kind.facts(thing)) is not None}
    if before is None:
        return now
    for name in [*now, *(name for name in before if name not in now)]:
        _take(name, now.get(name), before, kind, log)
    return before


def _take(name: str, facts: Facts | None, known: dict[str, Facts], kind: Watched, log: EventLog) -> None:
    before = known.get(name)
    if before == facts:
        return
    for what in changes(kind, name, before, facts):
        log.add(what)
    if facts is None:
        del known[name]
    else:
        known[name] = facts


def _look_at_server(cluster: Cluster, log: EventLog, stop: threading.Event) -> None:
    """Tell when the API server stops to answer, and when it answers again."""
    reachable = True
    while not stop.wait(_LOOK):
        answers = cluster.answers(within=_LOOK)
        if answers != reachable:
            log.add("the API server answers again" if answers else "the API server does not answer")
            reachable = answers
