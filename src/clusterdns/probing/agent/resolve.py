"""Looks names up as applications do: getaddrinfo(3) of glibc or musl, one process per call.

A process of its own reads resolv.conf afresh and shares no state, so that the queries of a lookup follow from
its name and the configuration alone.

Request:
    {"lookups": [{"name": "web.shop", "family": "inet" | "inet6" | "unspec", "libc": "glibc" | "musl"}, ...],
     "concurrency": 1, "timeout": 30.0, "give_up": 2, "seconds": 60.0, "pause": 0.0}
With concurrency 1 (the default) lookups run strictly one after the other and their queries never interleave;
"timeout" is in seconds per lookup. With "give_up", once so many lookups of a family have had no answer
("timeout" or EAI_AGAIN), no more are made of it, nor of "unspec", which asks for the same; with "seconds",
none is begun later. "pause" is in seconds, from a lookup's end to the beginning of the next. musl is Python's
own getaddrinfo in an image built on musl, else the program getaddrinfo-musl.

Answers, the image's C library first, then one per lookup in the order they ended:
    {"libc": {"name": "glibc", "version": "2.36"}}
    {"lookup": index, "failure": null | "EAI_NONAME" | ... | "timeout" | "given up",
     "addresses": ["10.0.0.1", ...], "start_ns": ..., "end_ns": ...}
The times are the wall clock's in nanoseconds, as in a capture.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Optional

from _agent import emit, libc, run

PROGRAM = "getaddrinfo-musl"
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unspec": socket.AF_UNSPEC}
GIVEN_UP = "given up"
ERRORS = {number: name for name, number in vars(socket).items() if name.startswith("EAI_")}


@dataclass
class Lookup:
    """One call under way in a child process, whose answer is to come through a pipe."""

    index: int
    pid: int
    pipe: int
    start_ns: int
    deadline: float
    answer: bytes = b""


def resolve(request: dict[str, Any]) -> None:
    """Runs the lookups, at most "concurrency" at a time."""
    system = libc()
    emit(libc=system)
    lookups = request["lookups"]
    programs = {name: program_of(name, system["name"]) for name in {lookup["libc"] for lookup in lookups}}
    waiting = list(enumerate(lookups))[::-1]
    running: dict[int, Lookup] = {}
    unanswered: Counter[str] = Counter()
    give_up = request.get("give_up", len(lookups))
    pause = request.get("pause", 0.0)
    last_start = time.monotonic() + request.get("seconds", float("inf"))
    with selectors.DefaultSelector() as selector:
        while waiting or running:
            while waiting and len(running) < request.get("concurrency", 1):
                index, wanted = waiting.pop()
                family = wanted["family"]
                dead = any(count >= give_up for of, count in unanswered.items() if family in (of, "unspec"))
                if len(waiting) < len(lookups) - 1:
                    time.sleep(pause)
                if dead or time.monotonic() > last_start:
                    now = time.time_ns()
                    emit(lookup=index, failure=GIVEN_UP, addresses=[], start_ns=now, end_ns=now)
                    continue
                lookup = start(index, wanted, programs[wanted["libc"]], request.get("timeout", 30.0))
                running[index] = lookup
                selector.register(lookup.pipe, selectors.EVENT_READ, lookup)
            if not running:
                continue
            # All have the same time: the one started first is the first to run out of it.
            first = next(iter(running.values()))
            readable = [key.data for key, _ in selector.select(max(0.0, first.deadline - time.monotonic()))]
            if not readable:
                os.kill(first.pid, signal.SIGKILL)
            for lookup in readable or [first]:
                chunk = os.read(lookup.pipe, 65536) if readable else b""
                lookup.answer += chunk
                if not chunk:
                    selector.unregister(lookup.pipe)
                    came = end(lookup, timed_out=not readable)
                    unanswered[lookups[lookup.index]["family"]] += came["failure"] in ("timeout", "EAI_AGAIN")
                    emit(lookup=running.pop(lookup.index).index, **came)


def program_of(wanted: str, system: str) -> Optional[str]:
    """Finds what calls the wanted C library's getaddrinfo.

    Returns:
        The program to run, None for this Python itself.

    Raises:
        LookupError: This image has neither.
    """
    if wanted == system:
        return None
    program = shutil.which(PROGRAM) if wanted == "musl" else None
    if program is None:
        raise LookupError(f"no resolver of {wanted} in an image built on {system}")
    return program


def start(index: int, wanted: dict[str, str], program: Optional[str], timeout: float) -> Lookup:
    """Starts one lookup in a child process."""
    pipe, answer = os.pipe()
    start_ns = time.time_ns()
    pid = os.fork()
    if not pid:
        # exec or exit, whatever happens: the child must never return into the parent's loop.
        try:
            os.dup2(answer, 1)
            if program:
                os.execv(program, [program, wanted["name"], wanted["family"]])
            os.write(1, json.dumps(call(wanted["name"], FAMILIES[wanted["family"]])).encode())
        finally:
            os._exit(0)
    os.close(answer)
    return Lookup(index, pid, pipe, start_ns, time.monotonic() + timeout)


def call(name: str, family: int) -> dict[str, Any]:
    """Calls getaddrinfo and times it."""
    failure, found = None, []
    start_ns = time.time_ns()
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        failure = ERRORS.get(error.errno or 0, str(error.errno))
    end_ns = time.time_ns()
    addresses = [address[0] for *_, address in found]
    return {"failure": failure, "addresses": addresses, "start_ns": start_ns, "end_ns": end_ns}


def end(lookup: Lookup, *, timed_out: bool) -> dict[str, Any]:
    """Reaps the child.

    Returns:
        What it answered, or that its time ran out.

    Raises:
        ChildProcessError: It died without an answer.
    """
    os.close(lookup.pipe)
    _, status = os.waitpid(lookup.pid, 0)
    if timed_out:
        return {
            "failure": "timeout",
            "addresses": [],
            "start_ns": lookup.start_ns,
            "end_ns": time.time_ns(),
        }
    if not lookup.answer:
        raise ChildProcessError(f"a lookup ended with wait status {status} and no answer")
    answer: dict[str, Any] = json.loads(lookup.answer)
    return answer


if __name__ == "__main__":
    run(resolve)
