"""The parts of a run that `records.*` judges."""

from collections.abc import Mapping, Sequence

from clusterdns.cluster.templates import network
from clusterdns.measuring.asked_servers import server_addresses, spread_nodes
from clusterdns.measuring.part import part
from clusterdns.measuring.path_probing import probe_paths
from clusterdns.measuring.propagation import (
    PathPoller,
    change_limit,
    watch_creations,
    watch_deletion,
    watch_update,
)
from clusterdns.measuring.query_matrix import OutsideRecords, ask_query_matrix, known_outside, questions_about
from clusterdns.measuring.querying import Querier
from clusterdns.measuring.record_objects import RecordObjects, check_unchanged, create_record_objects
from clusterdns.measuring.run_core import CoreRun
from clusterdns.measuring.service_changes import ServiceChanges
from clusterdns.model.convergence import Convergence
from clusterdns.model.dns_profiles import DNSProfile, profile_of
from clusterdns.model.pods import DEFAULT
from clusterdns.model.query_matrix import Asked, QueryMatrix
from clusterdns.model.topology import LayerKind, Topology

_AT_ONCE = 64  # a socket each, here as on the server
_COREDNS = {LayerKind.COREDNS, LayerKind.NODE_LOCAL}  # no limit of connections, or of queries per second
_CAREFUL = 8  # with what caches keep open, below the 20 TCP connections that one dnsmasq serves


class RecordsRun(CoreRun):
    """Services, and what the cluster's DNS says of them."""

    @part
    def dns_profile(self) -> DNSProfile:
        """What the cluster's implementation makes of its freedom."""
        return _profile(self.topology)

    @part
    def networks(self) -> Mapping[str, str]:
        """The networks of the run's endpoints: of runs at once, each has its own."""
        _ = self.workload.namespace  # from now on others see that this run is there
        return network(self.run_id, self.workload.other_runs())

    @part
    def record_objects(self) -> RecordObjects:
        """The Services that records are asked for, made by what is known before probe pods have started."""
        declared = self.declared_topology
        return create_record_objects(
            self.cluster,
            self.workload,
            networks=self.networks,
            zone=declared.zone.value,
            external_name=self.settings.external_name,
            image=self.probe_image,
            reads_endpoints=_profile(declared).reads_endpoints,
            timeout=self.settings.pod_ready_timeout,
        )

    @part
    def querier(self) -> Querier:
        """Asks for records, from pods whose packets nobody captures."""
        settings, pods = self.settings, self.probes.of(DEFAULT)
        kinds = {layer.kind for layer in self.topology.layers}
        unlimited = set() < kinds <= _COREDNS and not self.dnsmasq_by_tcp
        most = settings.record_concurrency or (_AT_ONCE if unlimited else _CAREFUL)
        return Querier(
            self.prober,
            {node: pods[node] for node in spread_nodes(pods, settings.record_nodes)},
            server_addresses(self.topology, settings.record_servers),
            timeout=settings.query_timeout,
            concurrency=most,
            careful=min(most, _CAREFUL),
            in_turn=not unlimited,
        )

    @part
    def path_probes(self) -> Sequence[Asked]:
        """Whether each path answers questions of every type; the querier then gives up those that do not."""
        questions = questions_about(self.topology, self.dns_profile, self.record_objects)
        with self.query_turn:
            return probe_paths(
                self.querier,
                questions,
                self.settings.external_name.lower(),
                self.querier.concurrency if self.dnsmasq_by_tcp else _AT_ONCE,
            )

    @part
    def path_poller(self) -> PathPoller:
        """Asks along every path that answers by UDP, while Services change."""
        querier, _ = self.querier, self.path_probes
        paths = [path for path in querier.paths(sizes=[None], tcp=False) if querier.answers(path)]
        return PathPoller(self.prober, querier.pods, paths)

    @part
    def service_changes(self) -> ServiceChanges:
        """Makes and changes Services, after those that records are asked for."""
        return ServiceChanges(
            self.cluster,
            self.workload,
            self.record_objects,
            zone=self.topology.zone.value,
            network=self.networks["network"],
            reads_endpoints=self.dns_profile.reads_endpoints,
        )

    @part
    def creations(self) -> Sequence[Convergence]:
        """When each path showed Services that were created."""
        changes, poller = self.service_changes, self.path_poller
        with self.query_turn:
            return watch_creations(changes, poller, self.settings.propagation_limit)

    @part
    def update(self) -> Sequence[Convergence]:
        """When each path showed that a Service had another endpoint."""
        settings, changes, poller = self.settings, self.service_changes, self.path_poller
        with self.query_turn:
            return watch_update(changes, poller, settings.negative_ttl_limit, change_limit(settings))

    @part
    def deletion(self) -> Sequence[Convergence]:
        """When each path showed that a Service was gone."""
        settings, changes, poller = self.settings, self.service_changes, self.path_poller
        with self.query_turn:
            return watch_deletion(changes, poller, settings.negative_ttl_limit, change_limit(settings))

    @part
    def outside_records(self) -> OutsideRecords:
        """What a node's own resolver says of names outside the cluster."""
        return known_outside(self.querier, self.settings.external_name, self.views)

    @part
    def query_matrix(self) -> QueryMatrix:
        """Every question about records along every path, once what was created last is known everywhere."""
        objects, newest, outside_records = self.record_objects, self.creations, self.outside_records
        _ = self.path_probes  # what leaves everything unanswered is not waited for again and again
        with self.query_turn:
            matrix = ask_query_matrix(
                self.querier,
                self.topology,
                profile=self.dns_profile,
                objects=objects,
                newest=newest,
                outside_records=outside_records,
            )
        check_unchanged(self.cluster, objects)
        return matrix


def _profile(topology: Topology) -> DNSProfile:
    return profile_of({layer.kind for layer in topology.layers} - {LayerKind.NODE_LOCAL, LayerKind.NODE_DNS})
