"""Where upstreams lead."""

from dataclasses import replace

import pytest

from clusterdns.model.topology import Service, host
from tests.unit.verdicts.topologies import TWO, UPSTREAM, cache, server, topology, upstream


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:5353", "10.0.0.1"),
        ("tls://10.0.0.1:853", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]:53", "fd00::1"),
        ("tls://[fd00::1]:853", "fd00::1"),
    ],
)
def test_the_host_of_an_upstream(written: str, address: str) -> None:
    assert host(written) == address


def test_an_upstream_is_a_service_or_a_pod_of_one() -> None:
    service = upstream(*TWO)
    seen = topology(cache(), server(), services=(service,))
    assert seen.behind(f"{UPSTREAM}:53") == service
    pod = service.backends[1]
    assert seen.behind(pod.address) == Service(pod.pod, (pod.address,), (pod,))
    assert replace(seen, services=()).behind(UPSTREAM) is None
