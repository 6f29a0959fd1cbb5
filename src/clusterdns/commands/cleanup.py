"""`clusterdns cleanup`: removes what killed runs left in a cluster."""

import argparse
from datetime import UTC, datetime

from clusterdns.cluster.workload import left_behind
from clusterdns.commands._target import Commands, add_target, target
from clusterdns.model.outcome import ExitCode


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser("cleanup", help="remove what killed runs left in a cluster, by label only")
    add_target(parser)
    parser.add_argument(
        "--all", action="store_true", help="also what has not expired: of runs that may still go on"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Remove the namespaces of runs that have expired, or of all runs; say what is removed."""
    with target(options) as cluster:
        now = datetime.now(UTC)
        found = left_behind(cluster)
        for namespace, expires in found:
            name = namespace["metadata"]["name"]
            if options.all or expires is None or expires <= now:
                cluster.delete(namespace)
                print(f"namespace {name}: being removed")
            else:
                print(f"namespace {name}: kept until {expires}, its run may still go on (--all removes it)")
    if not found:
        print("nothing is left behind")
    return ExitCode.OK
