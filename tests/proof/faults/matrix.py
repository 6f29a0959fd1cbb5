"""Injects a fault into a run or a command, and judges what becomes of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import place, state
from lab.errors import LabError
from tests.proof.conftest import ROOT, Lab
from tests.proof.faults import node_faults
from tests.proof.faults.injections import KILLED, TWICE, Injection, Kind, Program
from tests.proof.faults.leftovers import namespaces
from tests.proof.faults.proxy import HARMLESS, Fault, Proxy
from tests.proof.faults.proxy import Injection as Hit

_CLUSTERDNS = ("-c", "import sys; from clusterdns.cli import main; sys.exit(main())")
_SUITE = ("-m", "pytest", "-p", "no:cacheprovider", "--cluster=kubeconfig")
_PROGRAMS = {
    Program.AUDIT: (*_CLUSTERDNS, "audit"),
    Program.CLEANUP: (*_CLUSTERDNS, "cleanup"),
    Program.READING: (*_SUITE, "--check=topology", "--profile=audit"),
    Program.PROBING: (*_SUITE, "--check=resolver", "--probe-nodes=1"),
    Program.PROBING_TWO: (*_SUITE, "--check=resolver", "--check=topology"),
}
_END_SECONDS = 180.0
_NOTHING_MEASURED = 5
_OUR_FRAMES = re.compile(r'File "[^"]*\b(clusterdns/|fixtures/|conftest\.py)[^"]*", line \d+, in (.+)')
_IMPATIENCE = 0.3  # seconds between two signals


@dataclass
class Ended:
    """What became of a program.

    Attributes:
        code: Its exit code; None where it had to be killed.
        seconds: How long it took.
        output: What it said.
        report: Its report.json; empty where there is none.
        hit: Whether the fault came before it had ended.
        requests: How many it sent to the API server.
        wrong: What is wrong with that, in words.
        left: What it has left behind: files, namespaces that it did not name.
    """

    code: int | None = None
    seconds: float = 0.0
    output: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    hit: bool = False
    requests: int = 0
    wrong: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Matrix:
    """A lab whose API server is reached through a proxy, and the programs that run on it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        """Let each program run once without a fault: how long it takes, how often it asks."""
        self._lab = lab
        self._folder = folder
        self._kubectl = place.kubectl(state.running(lab.name))
        self._usual = {program: self._run(program, None) for program in Program}
        ended = [f"{program}: {usual.code}" for program, usual in self._usual.items() if usual.code != 0]
        if ended:
            raise LabError(f"a lab without a fault: {', '.join(ended)}")

    def inject(self, injection: Injection) -> Ended:
        """Let a fault come over a program; return what became of it, judged."""
        ended = self._run(injection.program, injection)
        ended.wrong += _wrongs(injection, ended)
        ended.left += self._left(ended, expected=injection.fault == KILLED)
        if injection.kind is Kind.NODE:
            node_faults.mend(self._kubectl)
        return ended

    def _run(self, program: Program, injection: Injection | None) -> Ended:
        folder = self._folder / (str(injection.number) if injection else program.name)
        temporary = folder / "temporary"
        temporary.mkdir(parents=True)
        ended = Ended()
        with Proxy(self._lab.kubeconfig, self._hit(injection)) as proxy:
            argv = [sys.executable, *_PROGRAMS[program]]
            argv += [f"--kubeconfig={proxy.kubeconfig(folder / 'kubeconfig')}", "--kube-context=faults"]
            if "pytest" in argv:
                argv += [f"--report-dir={folder / 'report'}"]
            began = time.monotonic()
            with subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(temporary)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                if injection and injection.kind in (Kind.SIGNAL, Kind.NODE):
                    ended.hit = self._disturb(process, injection)
                try:
                    ended.output, _ = process.communicate(timeout=_END_SECONDS)
                    ended.code = process.returncode
                except subprocess.TimeoutExpired:
                    process.kill()
                    ended.output, _ = process.communicate()
            ended.seconds = time.monotonic() - began
            ended.requests = proxy.requests
            ended.hit = ended.hit or proxy.injected > 0
        ended.left += [str(path.relative_to(temporary)) for path in _kept(temporary)]
        try:
            ended.report = json.loads((folder / "report" / "report.json").read_text())
        except FileNotFoundError:
            pass
        except ValueError:
            ended.wrong.append("half a report")
        return ended

    def _hit(self, injection: Injection | None) -> Hit | None:
        if injection is None or injection.kind not in (Kind.API, Kind.ANSWER):
            return None
        first = 1 + int(injection.instant * self._usual[injection.program].requests)
        return Hit(Fault(injection.fault), first, None if injection.lasting else 1)

    def _disturb(self, process: "subprocess.Popen[str]", injection: Injection) -> bool:
        """Send a signal, or let something happen to a node; return whether the program still ran."""
        try:
            process.wait(injection.instant * self._usual[injection.program].seconds)
        except subprocess.TimeoutExpired:
            pass
        else:
            return False
        if injection.kind is Kind.NODE:
            node_faults.inject(injection.fault, self._lab.name, self._kubectl)
            return True
        name = injection.fault.removesuffix(TWICE)
        process.send_signal(signal.Signals[name])
        if injection.fault != name:
            time.sleep(_IMPATIENCE)
            process.send_signal(signal.Signals[name])
        return True

    def _left(self, ended: Ended, *, expected: bool) -> list[str]:
        """Return the namespaces that a program has left and not named; let the command remove the others."""
        left = namespaces(self._lab)
        named = expected or all(name in ended.output for name in left)
        if not left:
            return []
        told = re.search(r"clusterdns cleanup --run (\w+)", ended.output)
        run = [f"--run={told[1]}"] if told else ["--all"]
        target = [f"--kubeconfig={self._lab.kubeconfig}", f"--kube-context={self._lab.context}"]
        subprocess.run(
            [sys.executable, *_PROGRAMS[Program.CLEANUP], *run, *target], cwd=ROOT, check=True, timeout=60
        )
        return namespaces(self._lab) if named else left


def _kept(temporary: Path) -> Iterator[Path]:
    """Yield the files that are left of a program, but for pytest's own."""
    for path in temporary.rglob("*"):
        if path.is_file() and not path.relative_to(temporary).parts[0].startswith("pytest-of-"):
            yield path


def _wrongs(injection: Injection, ended: Ended) -> Iterator[str]:
    """Yield what is wrong with how a program ended."""
    if ended.code is None:
        yield f"it did not end within {_END_SECONDS:g} s"
    elif ended.code not in (allowed := _allowed(injection, ended)):
        yield f"exit code {ended.code}, not {' or '.join(map(str, sorted(allowed)))}"
    if "Traceback" in ended.output and not _too_soon(injection, ended):
        yield "a traceback"
    failed = [check["id"] for check in ended.report.get("checks", ()) if check["outcome"] == "failed"]
    if failed:
        yield f"failed: {', '.join(sorted(set(failed)))}"


def _too_soon(injection: Injection, ended: Ended) -> bool:
    """Return whether a Ctrl-C came while Python and pytest were loaded: nothing of ours could hear it yet."""
    running = [where for _, where in _OUR_FRAMES.findall(ended.output)]
    interrupted = injection.fault.startswith(signal.SIGINT.name) and "clusterdns:" not in ended.output
    return interrupted and all(where == "<module>" for where in running)


def _allowed(injection: Injection, ended: Ended) -> Collection[int]:
    """Return the exit codes that tell the truth."""
    if not ended.hit:
        return {0}
    if injection.kind is Kind.SIGNAL:
        # The run's own code where it had ended, the signal's while Python itself starts or ends.
        too_soon = {1} if _too_soon(injection, ended) else set()
        return {0, 2, -signal.Signals[injection.fault.removesuffix(TWICE)], *too_soon}
    if injection.kind is Kind.NODE:
        return {0, 6}
    if injection.fault == Fault.LATE or (injection.fault in HARMLESS and not injection.lasting):
        return {0}
    if injection.fault == Fault.REFUSAL_WITHOUT_WORDS and ended.code == _NOTHING_MEASURED:
        return {_NOTHING_MEASURED}  # it is a permission that is missing, and checks without one are skipped
    only_at_the_end = "left behind" in ended.output  # all was measured by then
    return {6} if injection.lasting and not only_at_the_end else {0, 6}
