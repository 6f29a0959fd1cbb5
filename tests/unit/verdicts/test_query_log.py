from clusterdns.analysis.dnsmasq_log.requests import LogTally, Requests
from clusterdns.model.load_figures import LoadFigures, Percentiles
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.query_log import IdleConnections, LoggedLoad, LoggedNames, Ramp
from clusterdns.model.reachability import Attempt
from clusterdns.verdicts import query_log

LIMIT = 3
_NONE = Percentiles(None, None, None, None, 0.0)
LOAD = LoadFigures(
    plan="a test",
    to="nameserver",
    destination="where pods ask",
    sent=1,
    lost=0,
    refused=0,
    rcodes={},
    latency=_NONE,
    send_to_receive=_NONE,
    lag_p99_ms=0.0,
    late=0,
    duplicates=0,
    strays=0,
    socket_failures={},
    connections=0,
)


def failed(verdict: Verdict, *words: str) -> bool:
    assert all(word in verdict.reason for word in words), verdict.reason
    return verdict.outcome is Outcome.FAILED


def load(*sessions: tuple[int, int]) -> LoggedLoad:
    """A log of TCP sessions of one request each: first and last line in milliseconds."""
    count = len(sessions)
    batch = Requests.of(
        [first * 1000 for first, _ in sessions],
        [last * 1000 for _, last in sessions],
        [
            (b"%d" % (100 + index), b"%d" % index, b"10.0.0.%d/999" % index, b"query[A]", b"a.example")
            for index in range(count)
        ],
        [b"NXDOMAIN"] * count,
    )
    return LoggedLoad("a test", LogTally.of([batch], limit=LIMIT), count, {}, LOAD)


def test_an_admitted_copy_passes_and_a_refused_one_fails() -> None:
    assert query_log.admitted(None).outcome is Outcome.PASSED
    assert failed(query_log.admitted("policy says no"), "policy says no")


def test_every_node_must_be_answered() -> None:
    attempts = [Attempt("node-1", "it", "udp", None), Attempt("node-2", "it", "tcp", "timeout")]
    assert query_log.serves(attempts[:1]).outcome is Outcome.PASSED
    assert failed(query_log.serves(attempts), "tcp from node-2: timeout")


def test_what_was_asked_must_be_in_the_log_and_all_lines_known() -> None:
    assert query_log.logs(LoggedNames(["a", "b"], {"a": 1, "b": 1}, {})).outcome is Outcome.PASSED
    assert failed(query_log.logs(LoggedNames(["a", "b"], {"a": 1}, {})), "b was asked")
    assert failed(query_log.logs(LoggedNames(["a"], {"a": 1}, {"unknown lines": 2})), "2 lines")


def test_the_limit_found_must_be_the_one_computed() -> None:
    ramp = Ramp(IdleConnections(20, 53, 84, udp_answered=True), 20, 33)
    passed = query_log.tcp_limit(ramp, 20)
    assert passed.outcome is Outcome.PASSED
    assert isinstance(passed.measurements, query_log.TcpLimit)
    assert (passed.measurements.in_listen_queue, passed.measurements.not_accepted) == (33, 31)
    assert failed(query_log.tcp_limit(ramp, 30), "20 idle", "not 30")
    silent = Ramp(IdleConnections(20, 53, 84, udp_answered=False), 20, 33)
    assert failed(query_log.tcp_limit(silent, 20), "UDP")


def test_what_is_left_of_it_is_told() -> None:
    assert query_log.gone(None).outcome is Outcome.PASSED
    assert failed(query_log.gone("pods are there"), "pods are there")


def test_sessions_below_every_limit_pass() -> None:
    verdict = query_log.sessions(load((0, 10), (5, 20)), 500, 150)
    assert verdict.outcome is Outcome.PASSED
    assert isinstance(verdict.measurements, query_log.LoggedSessions)
    assert (verdict.measurements.peak_sessions, verdict.measurements.session_limit) == (2, LIMIT)


def test_as_many_sessions_at_once_as_children_fail() -> None:
    assert failed(query_log.sessions(load((0, 10), (1, 10), (2, 10)), 500, 150), "3 TCP sessions at once")


def test_slow_requests_and_long_sessions_fail() -> None:
    assert failed(query_log.sessions(load((0, 501)), 500, 150), "501 ms inside dnsmasq")
    assert failed(query_log.sessions(load((0, 400)), 500, 0.3), "lasted 0.4 s")
