"""The root of what is measured: one object per run, whose parts are made when they are first asked for."""

from collections.abc import Mapping, Sequence

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.permissions import Grant
from clusterdns.measuring.part import part
from clusterdns.measuring.run_disruption import DisruptionRun
from clusterdns.measuring.run_load import LoadRun
from clusterdns.measuring.run_metrics import MetricsRun
from clusterdns.measuring.run_records import RecordsRun
from clusterdns.model.topology import Topology
from clusterdns.settings import Settings


class Run(RecordsRun, MetricsRun, LoadRun, DisruptionRun):
    """One run against one cluster. Close it when the run ends, however it ends."""


class TopologyRun(Run):
    """A run that judges a topology which the cluster may not have now; for checks that read objects."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        topology: Topology,
        *,
        missing: Mapping[Grant, Sequence[str]],
    ) -> None:
        """Take the topology."""
        super().__init__(cluster, settings, foreign=True, missing=missing)
        self._given = topology

    @part
    def topology(self) -> Topology:
        """What serves the cluster's DNS: it is given."""
        return self._given
