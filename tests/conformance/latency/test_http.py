"""What DNS adds to fetching a page: latency.http."""

from collections.abc import Callable

import pytest

from clusterdns.model.fetches import Fetch
from clusterdns.model.outcome import Verdict
from clusterdns.settings import Settings
from clusterdns.verdicts.http import http


@pytest.mark.check("latency.http")
def test_http(fetches: list[Fetch], settings: Settings, conclude: Callable[[Verdict], None]) -> None:
    """No fetch of a page fails for its name, or waits long for it."""
    conclude(http(fetches, settings))
