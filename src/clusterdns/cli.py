"""`clusterdns`: what can be done without pytest.

Exit codes are those of a run: 0, 4 for wrong usage, 6 for a cluster that cannot be read.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from clusterdns.cluster import kubeconfig
from clusterdns.cluster.api import Cluster, connect
from clusterdns.cluster.workload import left_behind
from clusterdns.errors import HarnessError, UsageError
from clusterdns.model.outcome import ExitCode
from clusterdns.settings import Settings


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    try:
        options = _parser().parse_args(argv)
        with tempfile.TemporaryDirectory(prefix="clusterdns-") as folder:
            config = kubeconfig.read(options.kubeconfig, options.kube_context)
            copy = kubeconfig.write_private(config, Path(folder, "kubeconfig"))
            _cleanup(connect(copy, options.kube_context, options.api_timeout), everything=options.all)
    except UsageError as error:
        print(f"clusterdns: {error}", file=sys.stderr)
        return ExitCode.USAGE
    except HarnessError as error:
        print(f"clusterdns: {error}", file=sys.stderr)
        return ExitCode.NOT_MEASURABLE
    return ExitCode.OK


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="clusterdns", description="Cluster DNS conformance, without pytest.")
    commands = parser.add_subparsers(dest="command", required=True)
    cleanup = commands.add_parser("cleanup", help="remove what killed runs left in a cluster, by label only")
    cleanup.add_argument(
        "--kubeconfig", type=Path, required=True, help="kubeconfig of the cluster; only read"
    )
    cleanup.add_argument("--kube-context", required=True, help="context in that kubeconfig")
    cleanup.add_argument(
        "--all", action="store_true", help="also what has not expired: of runs that may still go on"
    )
    timeout = Settings.model_fields["api_timeout"]
    cleanup.add_argument("--api-timeout", type=float, default=timeout.default, help=timeout.description)
    return parser


def _cleanup(cluster: Cluster, *, everything: bool) -> None:
    """Remove the namespaces of runs that have expired, or of all runs; say what is removed."""
    now = datetime.now(UTC)
    found = left_behind(cluster)
    for namespace, expires in found:
        name = namespace["metadata"]["name"]
        if everything or expires is None or expires <= now:
            cluster.delete(namespace)
            print(f"namespace {name}: being removed")
        else:
            print(f"namespace {name}: kept until {expires}, as its run may still go on (--all removes it)")
    if not found:
        print("nothing is left behind")
