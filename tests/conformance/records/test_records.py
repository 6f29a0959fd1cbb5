"""DNS-based service discovery, over every path: records.*."""

from collections.abc import Callable, Sequence

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.propagation import Sighting
from clusterdns.settings import Settings
from clusterdns.verdicts import propagation, records
from clusterdns.verdicts.records import Survey

Conclude = Callable[[Verdict], None]

each_transport = pytest.mark.parametrize("transport", ["udp", "tcp"])


@each_transport
@pytest.mark.check("records.dns-version")
def test_dns_version(survey: Survey, transport: str, conclude: Conclude) -> None:
    """A TXT record tells the version of the schema, 1.1.0."""
    conclude(records.row("records.dns-version", survey, transport))


@each_transport
@pytest.mark.check("records.service-address")
def test_service_address(survey: Survey, transport: str, conclude: Conclude) -> None:
    """A Service's name stands for its cluster IPs, and for nothing else."""
    conclude(records.row("records.service-address", survey, transport))


@each_transport
@pytest.mark.check("records.service-srv")
def test_service_srv(survey: Survey, transport: str, conclude: Conclude) -> None:
    """Every named port has an SRV record with its port and the Service's name, an unnamed one none."""
    conclude(records.row("records.service-srv", survey, transport))


@each_transport
@pytest.mark.check("records.service-ptr")
def test_service_ptr(survey: Survey, transport: str, conclude: Conclude) -> None:
    """A cluster IP leads back to the name of its Service."""
    conclude(records.row("records.service-ptr", survey, transport))


@each_transport
@pytest.mark.check("records.headless-address")
def test_headless_address(survey: Survey, transport: str, conclude: Conclude) -> None:
    """A headless Service's name stands for exactly its ready endpoints."""
    conclude(records.row("records.headless-address", survey, transport))


@each_transport
@pytest.mark.check("records.headless-hostname")
def test_headless_hostname(survey: Survey, transport: str, conclude: Conclude) -> None:
    """An endpoint's hostname below its headless Service stands for the endpoint."""
    conclude(records.row("records.headless-hostname", survey, transport))


@each_transport
@pytest.mark.check("records.headless-srv")
def test_headless_srv(survey: Survey, transport: str, conclude: Conclude) -> None:
    """Every named port of every ready endpoint has an SRV record, whose target stands for the endpoint."""
    conclude(records.row("records.headless-srv", survey, transport))


@each_transport
@pytest.mark.check("records.headless-ptr")
def test_headless_ptr(survey: Survey, transport: str, conclude: Conclude) -> None:
    """An endpoint's address leads back to its name below its headless Service."""
    conclude(records.row("records.headless-ptr", survey, transport))


@each_transport
@pytest.mark.check("records.headless-unready")
def test_headless_unready(survey: Survey, transport: str, conclude: Conclude) -> None:
    """Endpoints that are not ready are absent, unless the Service publishes them."""
    conclude(records.row("records.headless-unready", survey, transport))


@each_transport
@pytest.mark.check("records.external-name")
def test_external_name(survey: Survey, transport: str, conclude: Conclude) -> None:
    """An ExternalName Service is a CNAME, and where its target resolves, its addresses."""
    conclude(records.row("records.external-name", survey, transport))


@each_transport
@pytest.mark.check("records.pod-address")
def test_pod_address(survey: Survey, transport: str, conclude: Conclude) -> None:
    """The name of a pod's address stands for that address, where there are such names (deprecated)."""
    conclude(records.row("records.pod-address", survey, transport))


@each_transport
@pytest.mark.check("records.nonexistent")
def test_nonexistent(survey: Survey, transport: str, conclude: Conclude) -> None:
    """Unknown names are NXDOMAIN, other types of known ones NODATA, both with an SOA record."""
    conclude(records.row("records.nonexistent", survey, transport))


@each_transport
@pytest.mark.check("records.case")
def test_case(survey: Survey, transport: str, conclude: Conclude) -> None:
    """Names are found in any case, and the question comes back octet for octet."""
    conclude(records.row("records.case", survey, transport))


@each_transport
@pytest.mark.check("records.external")
def test_external(survey: Survey, transport: str, conclude: Conclude) -> None:
    """A name outside the cluster resolves through it as outside, and one that does not exist does not."""
    conclude(records.row("records.external", survey, transport))


@each_transport
@pytest.mark.check("records.truncation")
def test_truncation(survey: Survey, transport: str, conclude: Conclude) -> None:
    """Answers too large for UDP have TC set and arrive whole over TCP; EDNS sizes are honoured."""
    conclude(records.truncation(survey, transport))


@pytest.mark.check("records.propagation")
def test_creation(created: Sequence[Sighting], settings: Settings, conclude: Conclude) -> None:
    """A new name is found on every path within the limit."""
    conclude(propagation.propagation(created, settings.propagation_limit))


@pytest.mark.check("records.propagation")
@pytest.mark.profile("slow")
@pytest.mark.parametrize("changed", ["updated", "deleted"], indirect=True)
def test_change(changed: Sequence[Sighting], settings: Settings, conclude: Conclude) -> None:
    """A changed or deleted name is gone from every cache within its TTL and the limit."""
    conclude(propagation.propagation(changed, settings.record_ttl_limit + settings.propagation_limit))


@pytest.mark.check("records.consistency")
def test_consistency_while_changing(
    created: Sequence[Sighting], settings: Settings, conclude: Conclude
) -> None:
    """While endpoints come, every DNS pod goes over to the new answer once, and soon after the first."""
    conclude(propagation.steadiness(created, settings.propagation_limit))


@pytest.mark.check("records.ttl")
def test_ttl(survey: Survey, settings: Settings, conclude: Conclude) -> None:
    """No record, and no negative answer, lasts longer than its limit."""
    conclude(records.ttl(survey, settings.record_ttl_limit, settings.negative_ttl_limit))


@pytest.mark.check("records.consistency")
def test_consistency(survey: Survey, conclude: Conclude) -> None:
    """Whoever is asked gives the same answer: every DNS pod, Service and cache, on every node."""
    conclude(records.consistency(survey))
