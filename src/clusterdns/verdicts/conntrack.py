"""Whether nodes have room for new connections while the run asks: saturation.conntrack-table."""

from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.check import Check, Stage, only
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model.conntrack import ConntrackUse
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.verdicts.needs import HOST_NETWORK


@dataclass(frozen=True, slots=True)
class ConntrackTables:
    """Measurements of saturation.conntrack-table.

    Attributes:
        nodes: What became of the table of each node whose kernel tracks connections.
    """

    nodes: Sequence[ConntrackUse]


def conntrack_table(nodes: Sequence[ConntrackUse]) -> Verdict:
    """Judge whether any table was full."""
    return judged([str(node) for node in nodes if node.full], ConntrackTables(nodes))


CONNTRACK_TABLE = Check(
    id="saturation.conntrack-table",
    profile=Profile.CORE,
    requirement="The kernel of every node has room for new connections while the run asks.",
    source="Linux, nf_conntrack-sysctl: nf_conntrack_max; /proc/net/stat/nf_conntrack: drop, early_drop",
    remedy=(
        "raise nf_conntrack_max (kube-proxy: conntrack.maxPerCore), find whose connections they are "
        "(conntrack -L), and put a node-local cache without NAT in front of DNS (NodeLocal DNSCache)"
    ),
    needs=(HOST_NETWORK,),
    grants=(OBJECTS, PROBES),
    measures=(Run.first_conntrack_tables,),
    # After what is measured side by side, which is what begins connections.
    cases=only(lambda run: conntrack_table(run.conntrack_use), stage=Stage.AT_REST),
)

CHECKS = (CONNTRACK_TABLE,)
