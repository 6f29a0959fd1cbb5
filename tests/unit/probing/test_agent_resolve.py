"""The agent's `resolve` and `identity` as programs of their own.

A stand-in for getaddrinfo-musl shows when lookups run; what real resolvers do is proven in tests/proof.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answers = list[dict[str, Any]]
Agent = Callable[..., Answers]

STAND_IN = r"""#!/bin/sh
start=$(date +%s%N)
case $1 in
  dies) exit 3 ;;
  meets-*) # all that are to run at once
    touch "$(dirname "$0")/begun.$$"
    until [ "$(ls "$(dirname "$0")" | grep -c begun)" -ge "${1#meets-}" ]; do sleep 0.01; done ;;
  *) sleep "$1" ;;
esac
echo "{\"failure\": null, \"addresses\": [\"$2\"], \"start_ns\": $start, \"end_ns\": $(date +%s%N)}"
"""


def lookup(name: str, libc: str = "musl", family: str = "inet") -> dict[str, str]:
    return {"name": name, "family": family, "libc": libc}


@pytest.fixture
def resolve(agent: Agent, tmp_path: Path) -> Agent:
    program = tmp_path / "getaddrinfo-musl"
    program.write_text(STAND_IN)
    program.chmod(0o755)

    def run(*lookups: dict[str, str], **request: Any) -> Answers:
        path = f"{tmp_path}:/usr/bin:/bin"
        first, *answers = agent("resolve", {"lookups": lookups, **request}, PATH=path)
        assert first["libc"]["name"] == "glibc"
        return answers

    return run


def test_a_lookup_of_this_python_s_own_libc(resolve: Agent) -> None:
    before = time.time_ns()
    answer, last = resolve(lookup("127.0.0.1", "glibc"))
    assert last == {"done": True}
    assert (answer["lookup"], answer["failure"], answer["addresses"]) == (0, None, ["127.0.0.1"])
    assert before <= answer["start_ns"] <= answer["end_ns"] <= time.time_ns()


@pytest.mark.parametrize(("family", "addresses"), [("inet6", ["::1"]), ("unspec", ["::1"])])
def test_families(resolve: Agent, family: str, addresses: list[str]) -> None:
    assert resolve(lookup("::1", "glibc", family))[0]["addresses"] == addresses


def test_a_failure_has_its_name(resolve: Agent) -> None:
    answer, _ = resolve(lookup("::1", "glibc", "inet"))
    assert answer["failure"] == "EAI_ADDRFAMILY"
    assert answer["addresses"] == []


def test_one_after_the_other_by_default(resolve: Agent) -> None:
    *answers, _ = resolve(lookup("0.1"), lookup("0"), lookup("0.05"))
    assert [answer["lookup"] for answer in answers] == [0, 1, 2]
    assert answers[0]["end_ns"] <= answers[1]["start_ns"]
    assert answers[1]["end_ns"] <= answers[2]["start_ns"]


def test_many_at_once_when_asked(resolve: Agent) -> None:
    *answers, _ = resolve(*[lookup("meets-4")] * 4, lookup("0"), concurrency=4)
    assert {answer["lookup"]: answer["failure"] for answer in answers} == dict.fromkeys(range(5))


def test_a_lookup_that_takes_too_long(resolve: Agent) -> None:
    *answers, _ = resolve(lookup("60"), lookup("0"), timeout=0.3)
    assert [answer["failure"] for answer in answers] == ["timeout", None]
    assert answers[0]["end_ns"] - answers[0]["start_ns"] >= 300_000_000


def test_a_family_that_has_no_answers_is_given_up_and_with_it_both_together(resolve: Agent) -> None:
    wanted = [
        lookup("60", family="inet"),
        lookup("0", family="unspec"),
        lookup("60", family="inet"),
        lookup("0", family="inet"),
        lookup("0", family="unspec"),
        lookup("0", family="inet6"),
    ]
    *answers, _ = resolve(*wanted, timeout=0.2, give_up=2)
    failures = ["timeout", None, "timeout", "given up", "given up", None]
    assert [answer["failure"] for answer in answers] == failures


def test_none_is_begun_when_the_time_is_over(resolve: Agent) -> None:
    *answers, _ = resolve(lookup("0.3"), lookup("0"), seconds=0.1)
    assert [answer["failure"] for answer in answers] == [None, "given up"]


def test_a_lookup_that_dies_is_the_agent_s_failure(resolve: Agent) -> None:
    (error,) = resolve(lookup("dies"))
    assert error["error"] == "ChildProcessError: a lookup ended with wait status 768 and no answer"


def test_an_image_without_musl_says_so(agent: Agent) -> None:
    answers = agent("resolve", {"lookups": [lookup("a.example")]}, PATH="/nonexistent")
    assert answers[-1] == {"error": "LookupError: no resolver of musl in an image built on glibc"}


def test_a_bad_request_is_the_agent_s_failure(agent: Agent) -> None:
    assert "error" in agent("resolve", {})[-1]


def test_identity(agent: Agent) -> None:
    found, last = agent("identity", {})
    assert last == {"done": True}
    assert found["resolv_conf"] == Path("/etc/resolv.conf").read_text()
    assert found["libc"]["name"] == "glibc"
    assert found["tools"]["ss"] == shutil.which("ss")
    assert "127.0.0.1" in found["addresses"]["lo"]
