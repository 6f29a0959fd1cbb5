"""`clusterdns cleanup`: removes what killed runs left in a cluster."""

import argparse
from datetime import UTC, datetime

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.retarget import restore, retargeted
from clusterdns.cluster.workload import CORDONED, UNCORDON, described, expiry, left_behind
from clusterdns.commands._arguments import Commands
from clusterdns.commands._target import add_target, settings_of, target
from clusterdns.model.outcome import ExitCode


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser("cleanup", help="remove what killed runs left in a cluster, by label only")
    add_target(parser)
    parser.add_argument(
        "--all", action="store_true", help="also what has not expired: of runs that may still go on"
    )
    parser.add_argument(
        "--run",
        dest="run_id",
        metavar="ID",
        help="only what this run made, expired or not: of one that has ended",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Remove what runs made that have expired, or a certain run, or all; say what is removed."""
    cluster = target(settings_of(options))
    now = datetime.now(UTC)
    found = left_behind(cluster, options.run_id)
    for made, expires in found:
        if "deletionTimestamp" in made["metadata"]:
            print(f"{described(made)}: is going")
        elif options.all or options.run_id or expires is None or expires <= now:
            cluster.delete(made)
            print(f"{described(made)}: being removed")
        else:
            print(f"{described(made)}: kept until {expires}, its run may still go on (--all removes it)")
    cordoned = _uncordon(cluster, options)
    changed = retargeted(cluster)
    for service in changed:
        restore(cluster, service)
        print(f"Service {service['metadata']['name']}: selects its own pods again")
    if not found and not changed and not cordoned:
        print("nothing is left behind")
    return ExitCode.OK


def _uncordon(cluster: Cluster, options: argparse.Namespace) -> bool:
    """Uncordon the nodes that killed runs have cordoned; return whether there are any, kept ones too."""
    selector = f"{CORDONED}={options.run_id}" if options.run_id else CORDONED
    nodes = list(cluster.list("nodes", labels=selector))
    for node in nodes:
        name, expires = node["metadata"]["name"], expiry(node)
        if options.all or options.run_id or expires is None or expires <= datetime.now(UTC):
            cluster.patch("nodes", name, UNCORDON)
            print(f"node {name}: takes pods again")
        else:
            print(f"node {name}: cordoned until {expires}, its run may still go on (--all uncordons it)")
    return bool(nodes)
