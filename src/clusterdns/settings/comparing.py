"""What counts as worse where a report is compared with an earlier one."""

from pathlib import Path

from pydantic import BaseModel

from clusterdns.settings.fields import setting


class Comparing(BaseModel):
    """When a time in a report is slower than it was."""

    baseline: Path | None = setting(
        "earlier report.json that this run must not be worse than (see `clusterdns compare`)",
        source="none: a run is judged by itself",
    )
    compare_ratio: float = setting(
        "how many times an earlier report's time may be",
        default=2,
        source="ours: 20 pairs of equal lab runs gave no alarm, 20 of a lab 30 ms slower were all found",
        gt=1,
    )
    compare_floor: float = setting(
        "milliseconds that a time may grow by in any case",
        default=10,
        source="a tenth of the p99 limit: below it a ratio tells about noise",
        ge=0,
    )
