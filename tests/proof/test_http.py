"""What requests for pages see of a cluster's DNS: its upstream dead, and alive again."""

from collections.abc import Callable

import pytest

from tests.proof.conftest import Lab, Result, lab_command, on


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_fetches_fail_for_their_names_when_the_upstream_is_dead(
    lab: Lab, suite: Callable[..., Result]
) -> None:
    arguments = [*on(lab), "--profile=load", "--check=latency.http"]
    lab_command("break", "--name", lab.name, "upstream-dead")
    try:
        broken = suite(*arguments)
    finally:
        lab_command("mend", "--name", lab.name, "upstream-dead")
    assert broken.ids("failed") == {"latency.http"}, broken.output
    assert set(broken.case("latency.http")["measurements"]["failed_by_phase"]) == {"dns"}

    mended = suite(*arguments)
    assert mended.ids("passed") == {"latency.http"}, mended.output
    phases = mended.case("latency.http")["measurements"]["phases"]
    assert set(phases) == {"dns", "connect", "tls", "first_byte", "total"}
