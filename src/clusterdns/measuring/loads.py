"""Load from a pod on every node: each is sent once a run, and judged by several checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clusterdns.errors import HarnessError, NodeLost
from clusterdns.measuring.load_plans import (
    UDP_BURSTS,
    described,
    distinct_names,
    lag_limit_ms,
    plan,
    schedule,
    senders,
)
from clusterdns.measuring.observer import Observer
from clusterdns.model.load import BURSTS, Destination, LoadResult, LoadStep
from clusterdns.model.load_figures import LoadFigures, lateness
from clusterdns.model.saturation import Scenario
from clusterdns.probing.load import Template, run_load_together
from clusterdns.probing.losses import by_those_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.settings import Settings

_Outcome = tuple[LoadResult, Scenario | None]


@dataclass(frozen=True, slots=True)
class Loads:
    """Sends each load once, even where that fails: what saturates a cluster is not tried again.

    Attributes:
        settings: How much is sent.
        prober: Runs the generators.
        observer: Watches the cluster's DNS under bursts.
        pods: Node -> the pod that sends from there.
        zone: The cluster domain.
        destinations: Name -> where load may go, or why the cluster has no such.
        templates: What load at a rate asks for; none for names that no cache holds.
    """

    settings: Settings
    prober: Prober
    observer: Observer
    pods: Mapping[str, ProbePod]
    zone: str
    destinations: Mapping[str, Destination | str]
    templates: Sequence[Template]
    _outcomes: dict[object, _Outcome | HarnessError] = field(default_factory=dict)

    def present(self) -> list[Destination]:
        """Return the destinations that the cluster has."""
        return [there for there in self.destinations.values() if isinstance(there, Destination)]

    def sent(self, step: LoadStep, name: str) -> LoadResult:
        """Return what came of a step at a destination.

        Raises:
            HarnessError: it could not be sent, or the cluster has no such destination.
        """
        there = self.destinations[name]
        if not isinstance(there, Destination):
            raise HarnessError(f"no load can be sent to {name}: {there}")
        return self._once(step, there, dict.fromkeys(self.pods, there.address))[0]

    def bursts(self, to: Mapping[str, str]) -> Scenario:
        """Return what was seen of the cluster's DNS under bursts by UDP.

        Args:
            to: Node -> the address that its bursts go to.

        Raises:
            HarnessError: they could not be sent.
        """
        known = {there.address: there for there in self.present()}
        addresses = sorted(set(to.values()))
        there = known.get(addresses[0]) if len(addresses) == 1 else None
        there = there or Destination("nameserver", ", ".join(addresses), "where pods ask")
        scenario = self._once(UDP_BURSTS, there, to)[1]
        assert scenario is not None  # noqa: S101 - bursts are watched
        return scenario

    def _once(self, step: LoadStep, there: Destination, to: Mapping[str, str]) -> _Outcome:
        key = step, tuple(sorted(to.items()))
        if key not in self._outcomes:
            try:
                self._outcomes[key] = self._punctual(step, there, to)
            except HarnessError as error:
                self._outcomes[key] = error
        outcome = self._outcomes[key]
        if isinstance(outcome, HarnessError):
            raise outcome
        return outcome

    def _punctual(self, step: LoadStep, there: Destination, to: Mapping[str, str]) -> _Outcome:
        """Send a load, again where the generator was late: that says nothing about the answers."""
        for _ in range(self.settings.load_attempts):
            outcome = by_those_left(lambda: self._send(step, there, to))
            if lateness(outcome[0]) is None:
                break
        return outcome

    def _send(self, step: LoadStep, there: Destination, to: Mapping[str, str]) -> _Outcome:
        settings = self.settings
        nodes = sorted(self.pods.keys() - self.prober.lost.keys())
        if not nodes:
            raise NodeLost("no node is left that could send load")
        sending = senders(step, nodes, settings)
        when = schedule(step, len(sending), settings)
        distinct = distinct_names(self.zone)
        templates = distinct[:1] if step.pattern == BURSTS else (self.templates or distinct)
        plans = [
            (
                self.pods[node],
                plan(step, when, to[node], there.port, templates, deadline=settings.query_timeout, seed=seed),
            )
            for seed, node in enumerate(sending)
        ]
        few = f"{len(sending)} of {len(nodes)} nodes (as many as --load-cap allows)"
        origin = "every node" if len(sending) == len(nodes) else few
        what = f"{described(when)} by {step.protocol}, from {origin}, to {there.what}"
        results: list[LoadResult] = []

        def send() -> LoadFigures:
            pods = run_load_together(self.prober, plans)
            results.append(LoadResult(there, step, what, pods, lag_limit_ms(step, settings)))
            return LoadFigures.of(results[0])

        if step.pattern != BURSTS:
            send()
            return results[0], None
        scenario = self.observer.observe(what, send)
        return results[0], scenario
