"""The agent's `conntrack`: how full a node's table of connections is, and what it has lost so far."""

from clusterdns.model.conntrack import ConntrackTable
from clusterdns.probing.pods import ProbePod, Prober


def conntrack_table(prober: Prober, pod: ProbePod) -> ConntrackTable:
    """Read the table of the node whose network a pod shares.

    Raises:
        ProbeError: the agent failed, or fell silent.
    """
    (answer,) = prober.run(pod, "conntrack", {}, repeatable=True)
    return ConntrackTable(
        node=pod.node,
        entries=answer["entries"],
        limit=answer["limit"],
        drops=answer["drop"],
        early_drops=answer["early_drop"],
        insert_failures=answer["insert_failed"],
    )
