"""`python -m lab build | up | status | exec | break | mend | node | api | newer-coredns | down`."""

import argparse
import json
import os
import signal
import sys
from dataclasses import replace
from types import FrameType
from typing import NoReturn

from lab import addons, breakage, build, commands, control, enter, launch, state, toolchain, topology
from lab.errors import LabError
from lab.place import RunningLab

_USAGE = 4
_INTERRUPTED = 130
_LONGEST_STOP = 50  # seconds: a lab answers within a minute


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build and keep everything a lab boots from")
    up = verbs.add_parser("up", help="boot a lab, or return at once if it runs")
    up.add_argument("--topology", default="gke-kubedns", help=f"one of: {', '.join(topology.names())}")
    up.add_argument("--nodes", type=int, default=2, help="how many nodes (default 2)")
    up.add_argument(
        "--with", dest="addons", default="", help=f"add-ons: one or more of {','.join(addons.NAMES)}"
    )
    up.add_argument("--dual-stack", action="store_true", help="IPv6 besides IPv4, for pods and Services")
    status = verbs.add_parser("status", help="say what runs")
    status.add_argument("--json", action="store_true", help="one JSON object")
    inside = verbs.add_parser("exec", help="run a command inside: on a node, or in the fabric")
    inside.add_argument("--node", help="e.g. node-1; without it, the fabric")
    inside.add_argument("command", nargs="+", help="after --")
    breaking = verbs.add_parser("break", help="break a running lab in a known way")
    mending = verbs.add_parser("mend", help="undo that")
    for verb in (breaking, mending):
        verb.add_argument("breakage", help=f"one of: {', '.join(breakage.names())}")
    node = verbs.add_parser("node", help="add a node to a running lab, take one away, restart its kubelet")
    node.add_argument("change", choices=("add", "remove", "restart"))
    node.add_argument("node", nargs="?", help="e.g. node-2; not for add")
    api = verbs.add_parser("api", help="keep the API server of a running lab from answering for a while")
    api.add_argument("change", choices=("stop",))
    api.add_argument("--seconds", type=float, default=20.0, help="for how long (default 20)")
    newer = verbs.add_parser(
        "newer-coredns", help="bring an image of a newer CoreDNS onto every node; say its name"
    )
    down = verbs.add_parser("down", help="end a lab and remove everything of it")
    for verb in (up, status, inside, breaking, mending, node, api, newer, down):
        verb.add_argument("--name", default="lab", help="the lab's name (default lab)")
    return parser


def _progress(line: str) -> None:
    print(f"lab: {line}", file=sys.stderr, flush=True)


def _build(options: argparse.Namespace) -> None:
    del options
    build.build(_progress)


def _up(options: argparse.Namespace) -> None:
    with state.alone(options.name):
        chosen = addons.chosen(options.addons)
        record = launch.up(
            options.name,
            options.topology,
            options.nodes,
            _progress,
            chosen,
            dual_stack=options.dual_stack,
        )
    print(record.kubeconfig)


def _status(options: argparse.Namespace) -> None:
    record = state.load(options.name)
    facts: dict[str, object] = {"name": options.name, "state": "absent"}
    if record is not None:
        facts |= {
            "state": record.state,
            "topology": record.topology,
            "nodes": record.nodes,
            "add-ons": record.addons,
            "dual_stack": record.dual_stack,
            "kubeconfig": str(record.kubeconfig),
            "logs": str(record.folder / "logs"),
        }
    if options.json:
        print(json.dumps(facts))
    else:
        print("\n".join(f"{name:11} {value}" for name, value in facts.items()))


def _exec(options: argparse.Namespace) -> None:
    argv = enter.command(state.running(options.name), options.node, options.command)
    os.execvp(argv[0], argv)


def _break(options: argparse.Namespace) -> None:
    breakage.load(options.breakage).apply(RunningLab(state.running(options.name)))


def _mend(options: argparse.Namespace) -> None:
    breakage.load(options.breakage).mend(RunningLab(state.running(options.name)))


def _node(options: argparse.Namespace) -> None:
    if (options.change == "add") == bool(options.node):
        raise LabError("node add takes no name, node remove and node restart take one, e.g. node-2")
    with state.alone(options.name):
        record = state.running(options.name)
        answer = control.ask(record.folder, {"do": f"{options.change} node", "node": options.node})
        if options.change != "restart":
            replace(record, nodes=answer["nodes"]).save()
    if options.change == "add":
        print(answer["node"])


def _api(options: argparse.Namespace) -> None:
    if not 0 < options.seconds <= _LONGEST_STOP:
        raise LabError(f"--seconds {options.seconds:g}: more than 0 and at most {_LONGEST_STOP}")
    control.ask(state.running(options.name).folder, {"do": "stop the API", "seconds": options.seconds})


def _newer_coredns(options: argparse.Namespace) -> None:
    record = state.running(options.name)
    name, archive = build.newer_coredns(_progress)
    for node in control.ask(record.folder, {"do": "pids"})["pids"]:
        ctr = ["ctr", "--namespace", "k8s.io", "images", "import", str(archive)]
        commands.run(enter.command(record, node, ctr))
    print(name)


def _down(options: argparse.Namespace) -> None:
    with state.alone(options.name):
        existed = state.remove(options.name)
    _progress(f"{options.name!r} is gone" if existed else f"there was no lab named {options.name!r}")


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line; return the exit code: 0, 1 failed, 4 wrong usage, 130 interrupted."""
    parser = _parser()
    parser.exit_on_error = False
    try:
        options = parser.parse_args()
    except argparse.ArgumentError as error:
        print(f"lab: {error}", file=sys.stderr)
        return _USAGE
    except SystemExit as ended:
        return _USAGE if ended.code else 0
    signal.signal(signal.SIGTERM, _terminated)
    verbs = {
        "build": _build,
        "up": _up,
        "status": _status,
        "exec": _exec,
        "break": _break,
        "mend": _mend,
        "node": _node,
        "api": _api,
        "newer-coredns": _newer_coredns,
        "down": _down,
    }
    try:
        if options.verb != "status":
            toolchain.require_root()
        verbs[options.verb](options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        commands.end_all()
        print("lab: interrupted; nothing is left of it", file=sys.stderr)
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
