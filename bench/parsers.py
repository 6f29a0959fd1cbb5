"""Generated inputs for every parser of what clusters hold: `python -m bench.parsers [--count N]`.

Runs the properties of tests/unit/cluster/test_spoiled_objects.py and of the Corefile with N examples each
(100,000 unless told otherwise) and prints JSON: seconds per property. A property that does not hold ends it.
"""

import argparse
import json
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings

from tests.unit.cluster import test_spoiled_objects as objects
from tests.unit.formats import test_coredns as coredns
from tests.unit.formats import test_corefile as corefile

PROPERTIES: tuple[Callable[..., None], ...] = (
    objects.test_spoiled_objects_are_read_and_judged,
    objects.test_any_text_for_an_autoscaler_is_read_or_told,
    objects.test_any_arguments_are_read,
    objects.test_any_environment_is_read,
    objects.test_any_text_has_words_that_lie_in_it,
    corefile.test_any_text_is_read_or_refused,
    coredns.test_any_words_are_loaded_or_refused,
)


def main() -> None:
    """Run every property; print how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    many = settings(
        max_examples=options.count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seconds = {}
    for check in PROPERTIES:
        began = time.monotonic()
        many(check)()
        seconds[check.__name__] = round(time.monotonic() - began, 1)
    print(json.dumps({"examples each": options.count, "seconds": seconds}, indent=2))


if __name__ == "__main__":
    main()
