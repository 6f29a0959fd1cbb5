"""How long a soak goes on, and what counts as slow in it."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator

from clusterdns.settings.fields import setting

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
# Major and minor at least: every node is at "1" or later already.
_VERSION = re.compile(r"v?[0-9]{1,9}(\.[0-9]{1,9}){1,2}([-+][A-Za-z0-9.+-]+)?")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh]?)")


def _seconds(value: object) -> object:
    """Take "90", "90s", "30m" or "2h" for seconds."""
    written = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if written is None:
        if isinstance(value, str):
            raise ValueError(f"must be a time such as 90s, 30m or 2h, not {value!r}")
        return value
    return float(written[1]) * _UNITS[written[2]]


def _version(value: str) -> str:
    """Refuse what is no version."""
    if not _VERSION.fullmatch(value):
        raise ValueError(f"must be a version such as 1.36 or v1.36.1, not {value!r}")
    return value


Duration = Annotated[float, BeforeValidator(_seconds)]


class Soaking(BaseModel):
    """What `--profile soak` does beside an upgrade."""

    soak: Duration = setting(
        "how long a soak lasts at most, e.g. 90s, 30m, 2h; SIGINT or SIGTERM ends it earlier, with a verdict",
        default="30m",
        source="a node pool of a few nodes is upgraded in that time",
        ge=10,
        le=24 * 3600,
        validate_default=True,
    )
    soak_until_nodes_at: Annotated[str, AfterValidator(_version)] | None = setting(
        "end the soak half a minute after every node's kubelet has this version or a later one, e.g. 1.36",
        source="none: the soak lasts its time",
    )
    soak_nodes: int = setting(
        "the most nodes that a soak may put a prober on; with more it is refused, as it follows all of them",
        default=200,
        source="400 kB/s of logs through the API server at 50 queries per second and three addresses",
        ge=1,
        le=5000,
    )
    soak_slow: float = setting(
        "milliseconds from which on an answer counts as slow, where a tenth of a second's answers are",
        default=250,
        source="a twentieth of a client's time-out of 5 s (resolv.conf(5))",
        gt=0,
    )
