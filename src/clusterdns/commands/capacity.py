"""`clusterdns capacity`: replicas, TCP children and head room over cluster sizes, from numbers alone."""

import argparse

from clusterdns.commands._arguments import Commands, at_least
from clusterdns.commands._settings import settings_without_cluster
from clusterdns.model.autoscaling import GKE_AUTOSCALER, Autoscaler, Linear
from clusterdns.model.capacity import LARGEST_CLUSTER, Demand, at_sizes, first_short
from clusterdns.model.outcome import ExitCode
from clusterdns.model.tcp_paths import replicas_for
from clusterdns.model.topology import DNSMASQ_TCP_LIMIT
from clusterdns.settings import Settings, flag

_PEAK = "peak_queries_per_node"
_TIMES = (0.125, 0.25, 0.5, 1, 2, 4, 8)  # of the cluster in question
_COLUMNS = (
    "nodes",
    "cores",
    "replicas",
    "TCP children",
    "connections wanted",
    "head room",
    "saturates at per node",
    "replicas needed",
)


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser(
        "capacity", help="TCP children of dnsmasq against what NodeLocal DNSCache asks, over cluster sizes"
    )
    numbers = {
        "--nodes": (1, None, "nodes of the cluster"),
        "--cores": (1, None, "CPU cores of all its nodes"),
        "--tcp-limit": (
            1,
            DNSMASQ_TCP_LIMIT,
            "TCP connections that one dnsmasq serves (--max-tcp-connections)",
        ),
        "--nodes-per-replica": (0, GKE_AUTOSCALER.nodes_per_replica, "of the autoscaler; 0: does not count"),
        "--cores-per-replica": (0, GKE_AUTOSCALER.cores_per_replica, "of the autoscaler; 0: does not count"),
    }
    for name, (least, default, text) in numbers.items():
        shown = "" if default is None else f" (default: {default:g})"
        parser.add_argument(
            name,
            type=at_least(least),
            required=default is None,
            default=default,
            metavar="NUMBER",
            help=text + shown,
        )
    peak = Settings.model_fields[_PEAK].default
    parser.add_argument(
        flag(_PEAK),
        type=at_least(1),
        metavar="NUMBER",
        help=f"queries that a node has in flight at its peak (default: {peak})",
    )
    parser.add_argument(
        "--prevent-single-point-failure",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="of the autoscaler: two replicas at least (default: as GKE has it)",
    )
    parser.add_argument(
        "--replicas", type=at_least(1), metavar="NUMBER", help="a fixed number, without an autoscaler"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Print the table."""
    scaler = _autoscaler(options)
    cores = options.cores / options.nodes
    settings = settings_without_cluster({_PEAK: options.peak_queries_per_node})
    per_node, limit = settings.peak_queries_per_node, options.tcp_limit
    sizes = sorted({max(round(times * options.nodes), 1) for times in _TIMES})
    rows = [_row(one, cores, limit) for one in at_sizes(scaler, sizes, cores, per_node, limit)]
    widths = [max(len(row[index]) for row in (*rows, _COLUMNS)) for index in range(len(_COLUMNS))]
    print(scaler if options.replicas is None else f"{options.replicas} replicas, whatever the size")
    for row in (_COLUMNS, *rows):
        mark = "  <" if row[0] == str(options.nodes) else ""
        print("  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)) + mark)
    short = first_short(scaler, cores, per_node, limit)
    at = f"from {short.nodes} nodes on" if short else f"at no size up to {LARGEST_CLUSTER} nodes"
    print(f"children are short {at}, at {per_node} concurrent queries per node and {limit} per replica")
    return ExitCode.OK


def _autoscaler(options: argparse.Namespace) -> Autoscaler:
    if options.replicas is not None:
        return Linear(at_least=options.replicas, at_most=options.replicas)
    return Linear(
        options.cores_per_replica,
        options.nodes_per_replica,
        prevent_single_point_failure=options.prevent_single_point_failure,
    )


def _row(one: Demand, cores_per_node: float, limit: int) -> tuple[str, ...]:
    figures = (
        one.nodes,
        round(one.nodes * cores_per_node),
        one.replicas,
        one.children,
        one.wanted,
        one.headroom,
        one.saturates_at,
        replicas_for(one.wanted, limit),
    )
    return tuple(map(str, figures))
