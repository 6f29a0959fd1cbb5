"""`python -m lab.kind build | run | status | prepare | settle | tidy | break | mend`."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from lab import breakage, commands
from lab.errors import LabError
from lab.kind import builds, cluster, docker, private
from lab.kind.place import KindCluster

_INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.kind", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build and keep what `run` needs where no Docker runs")
    run = verbs.add_parser("run", help="run a command with a Docker: the one that runs, else one of its own")
    run.add_argument("command", nargs="+", help="after --")
    status = verbs.add_parser("status", help="what a kind cluster is, as JSON")
    prepare = verbs.add_parser("prepare", help="before `kind create cluster`: its configuration and images")
    settle = verbs.add_parser("settle", help="after it: network, images, the topology's workloads")
    verbs.add_parser("tidy", help="after `kind delete cluster`: the network that it leaves")
    broken = verbs.add_parser("break", help="break a kept cluster")
    mended = verbs.add_parser("mend", help="undo a breakage")
    for verb in (broken, mended):
        verb.add_argument("breakage", choices=breakage.names(), metavar="BREAKAGE")
    for verb in (status, prepare, settle, broken, mended):
        verb.add_argument("--name", required=True)
    for verb in (prepare, settle):
        verb.add_argument("--topology", required=True)
        verb.add_argument("--nodes", type=int, required=True)
        verb.add_argument("--dual-stack", action="store_true")
    prepare.add_argument("--folder", type=Path, required=True, help="where its files go")
    prepare.add_argument("--image", help="node image; without it kind's own, or one made here")
    prepare.add_argument("--port", type=int, default=0, help="of the API server")
    settle.add_argument("--load", action="append", default=[], help="an image for the nodes to have besides")
    return parser


def _progress(line: str) -> None:
    print(f"kind: {line}", file=sys.stderr, flush=True)


def _build(options: argparse.Namespace) -> int:
    del options
    _needed()
    return 0


def _needed() -> tuple[Path, Path, builds.NodeBuilds]:
    """Return all that comes from a network, which a Docker of one's own has none of."""
    return builds.docker(_progress), builds.kind(_progress), builds.node(_progress)


def _run(options: argparse.Namespace) -> int:
    try:
        docker.information()
    except LabError:
        if os.geteuid() != 0:
            raise
    else:
        os.execvp(options.command[0], options.command)
    unpacked, kind, node = _needed()
    os.environ["PATH"] = f"{kind}:{os.environ['PATH']}:{unpacked / 'usr/bin'}"
    return private.run(options.command, unpacked, [unpacked.name, kind.name, *node.names()])


def _status(options: argparse.Namespace) -> int:
    print(json.dumps(cluster.status(options.name, _progress)))
    return 0


def _wanted(options: argparse.Namespace) -> cluster.Wanted:
    return cluster.Wanted(options.topology, options.nodes, options.dual_stack)


def _prepare(options: argparse.Namespace) -> int:
    made = cluster.prepare(
        options.name,
        _wanted(options),
        _progress,
        folder=options.folder,
        image=options.image,
        port=options.port,
    )
    print(json.dumps(made))
    return 0


def _settle(options: argparse.Namespace) -> int:
    cluster.settle(options.name, _wanted(options), options.load, _progress)
    return 0


def _tidy(options: argparse.Namespace) -> int:
    del options
    cluster.tidy()
    return 0


def _break(options: argparse.Namespace) -> int:
    broken = breakage.load(options.breakage)
    if not broken.for_any_cluster:
        raise LabError(f"{broken.name} needs the lab's own programs, add-ons or nodes: put it on the lab")
    broken.apply(KindCluster(options.name, _progress))
    return 0


def _mend(options: argparse.Namespace) -> int:
    breakage.load(options.breakage).mend(KindCluster(options.name, _progress))
    return 0


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line; return the exit code: 0, 1 failed, 130 interrupted, of `run` the command's."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    verbs = {
        "build": _build,
        "run": _run,
        "status": _status,
        "prepare": _prepare,
        "settle": _settle,
        "tidy": _tidy,
        "break": _break,
        "mend": _mend,
    }
    try:
        return verbs[options.verb](options)
    except LabError as error:
        print(f"kind: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        commands.end_all()
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
