"""The catalogue: every check there is, collected from where it is declared.

Ids are what reports, `--check` and CI gates use; they never change meaning. The first word of an id is
its area.
"""

import difflib
from collections.abc import Iterable
from types import ModuleType

from clusterdns.check import Check
from clusterdns.verdicts import latency, lookups, node_caches, query_log, resolver, saturation

_MODULES: tuple[ModuleType, ...] = (resolver, lookups, saturation, node_caches, query_log, latency)

CATALOGUE: dict[str, Check] = {check.id: check for module in _MODULES for check in module.CHECKS}


def expand(names: Iterable[str], checks: Iterable[Check] | None = None) -> tuple[str, ...]:
    """Return the check ids that `names` (ids, or areas such as "resolver") stand for, in catalogue order.

    Args:
        names: As a user gives them.
        checks: Those that they may stand for; the catalogue's where None.

    Raises:
        ValueError: a name stands for none; the message lists near matches.
    """
    known = list(CATALOGUE.values() if checks is None else checks)
    areas = sorted({check.area for check in known})
    wanted: set[str] = set()
    for name in names:
        ids = {check.id for check in known if name in (check.id, check.area)}
        if not ids:
            near = difflib.get_close_matches(name, [*(check.id for check in known), *areas], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"areas are {', '.join(areas)};"
            raise ValueError(f"no check or area {name!r}: {hint} --list-checks lists all")
        wanted |= ids
    return tuple(check.id for check in known if check.id in wanted)
