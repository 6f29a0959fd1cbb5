"""A copy of kube-dns that logs every query, asked and loaded.

After test_watched.py: what the copy is for has been seen from outside by then.
"""

from collections.abc import Callable, Mapping

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.settings import Settings
from clusterdns.verdicts import query_log as verdicts
from fixtures.debug_deployment import DebugDeployment
from fixtures.query_log import QueryLog

Conclude = Callable[[Verdict], None]

pytestmark = pytest.mark.needs("kube-dns")


def case(name: str, judge: Callable[..., Verdict]) -> pytest.MarkDecorator:
    """Name a case of a check, which the test function is one of."""
    return pytest.mark.parametrize("judge", [pytest.param(judge, id=name)])


@pytest.mark.check("saturation.debug-deployment")
@case("admitted", lambda made: verdicts.admitted(made.refused))
def test_admitted(
    judge: Callable[[DebugDeployment], Verdict], debug_deployment: DebugDeployment, conclude: Conclude
) -> None:
    """A copy of the live Deployment is admitted and becomes ready."""
    conclude(judge(debug_deployment))


@pytest.mark.check("saturation.debug-deployment")
@pytest.mark.needs("debug-copy")
@pytest.mark.parametrize(
    "judge",
    [
        pytest.param(lambda log: verdicts.serves(log.ask()), id="serves"),
        pytest.param(lambda log: verdicts.logs(log.names()), id="logs"),
        pytest.param(lambda log: verdicts.tcp_limit(log.ramp(), log.copy.limit), id="tcp-limit"),
    ],
)
def test_serves_logs_and_has_its_limit(
    judge: Callable[[QueryLog], Verdict], query_log: QueryLog, conclude: Conclude
) -> None:
    """It answers by UDP and TCP, logs what it is asked, and serves as many TCP connections as it should."""
    conclude(judge(query_log))


@pytest.mark.check("saturation.sessions")
@pytest.mark.needs("debug-copy")
def test_sessions(
    query_log: QueryLog,
    burst_destinations: Mapping[str, Mapping[str, str]],
    settings: Settings,
    conclude: Conclude,
) -> None:
    """In its log no request, no TCP session and not their number goes over its limit."""
    load = query_log.load(burst_destinations["bursts"])
    conclude(verdicts.sessions(load, settings.request_limit, settings.session_limit))


@pytest.mark.check("saturation.debug-deployment")
@pytest.mark.needs("debug-copy")
@case("gone", lambda made: verdicts.gone(made.remove()))
def test_gone(
    judge: Callable[[DebugDeployment], Verdict], debug_deployment: DebugDeployment, conclude: Conclude
) -> None:
    """Nothing of it is left when it is no longer needed."""
    conclude(judge(debug_deployment))
