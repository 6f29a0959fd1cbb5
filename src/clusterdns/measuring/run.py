"""The root of what is measured: one object per run, whose parts are made when they are first asked for."""

from clusterdns.measuring.run_disruption import DisruptionRun
from clusterdns.measuring.run_load import LoadRun
from clusterdns.measuring.run_metrics import MetricsRun
from clusterdns.measuring.run_records import RecordsRun


class Run(RecordsRun, MetricsRun, LoadRun, DisruptionRun):
    """One run against one cluster. Close it when the run ends, however it ends."""
