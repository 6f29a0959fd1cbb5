from clusterdns.analysis.dnsmasq_log.requests import Requests, Summary
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.query_log import LoggedLoad, LoggedNames, Ramp
from clusterdns.verdicts import query_log
from clusterdns.verdicts.topology import Asked

LIMIT = 3


def failed(verdict: Verdict, *words: str) -> bool:
    assert all(word in verdict.reason for word in words), verdict.reason
    return verdict.outcome is Outcome.FAILED


def load(*sessions: tuple[int, int]) -> LoggedLoad:
    """A log of TCP sessions of one request each: first and last line in milliseconds."""
    count = len(sessions)
    batch = Requests(
        first_us=[first * 1000 for first, _ in sessions],
        last_us=[last * 1000 for _, last in sessions],
        pids=[b"%d" % (100 + index) for index in range(count)],
        serials=[b"%d" % index for index in range(count)],
        clients=[b"10.0.0.%d/999" % index for index in range(count)],
        actions=[b"query[A]"] * count,
        names=[b"a.example"] * count,
        answers=[b"NXDOMAIN"] * count,
    )
    return LoggedLoad("a test", Summary.of([batch], limit=LIMIT), count, {}, {})


def test_an_admitted_copy_passes_and_a_refused_one_fails() -> None:
    assert query_log.admitted("").outcome is Outcome.PASSED
    assert failed(query_log.admitted("policy says no"), "policy says no")


def test_every_node_must_be_answered() -> None:
    asked = [Asked("node-1", "it", "udp", None), Asked("node-2", "it", "tcp", "timeout")]
    assert query_log.serves(asked[:1]).outcome is Outcome.PASSED
    assert failed(query_log.serves(asked), "tcp from node-2: timeout")


def test_what_was_asked_must_be_in_the_log_and_all_lines_known() -> None:
    assert query_log.logs(LoggedNames(["a", "b"], {"a": 1, "b": 1}, {})).outcome is Outcome.PASSED
    assert failed(query_log.logs(LoggedNames(["a", "b"], {"a": 1}, {})), "b was asked")
    assert failed(query_log.logs(LoggedNames(["a"], {"a": 1}, {"unknown lines": 2})), "2 lines")


def test_the_limit_found_must_be_the_one_computed() -> None:
    ramp = Ramp(20, 53, 84, udp_answered=True, peak_workers=20, peak_queue=33)
    passed = query_log.tcp_limit(ramp, 20)
    assert passed.outcome is Outcome.PASSED
    assert passed.measurements["taken into the listen queue"] == 33
    assert failed(query_log.tcp_limit(ramp, 30), "20 idle", "not 30")
    silent = Ramp(20, 53, 84, udp_answered=False, peak_workers=20, peak_queue=33)
    assert failed(query_log.tcp_limit(silent, 20), "UDP")


def test_what_is_left_of_it_is_told() -> None:
    assert query_log.gone(None).outcome is Outcome.PASSED
    assert failed(query_log.gone("pods are there"), "pods are there")


def test_sessions_below_every_limit_pass() -> None:
    verdict = query_log.sessions(load((0, 10), (5, 20)), 500, 150)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.measurements["sessions at once"] == {"peak": 2, "limit": LIMIT}


def test_as_many_sessions_at_once_as_children_fail() -> None:
    assert failed(query_log.sessions(load((0, 10), (1, 10), (2, 10)), 500, 150), "3 TCP sessions at once")


def test_slow_requests_and_long_sessions_fail() -> None:
    assert failed(query_log.sessions(load((0, 501)), 500, 150), "501 ms inside dnsmasq")
    assert failed(query_log.sessions(load((0, 400)), 500, 0.3), "lasted 0.4 s")
