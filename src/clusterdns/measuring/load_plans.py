"""What load a run sends: its steps, the schedule of each, what it asks for, all as the settings say."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

from clusterdns.analysis.capture import read_names
from clusterdns.errors import HarnessError, UsageError
from clusterdns.model.latency import samples_needed
from clusterdns.model.load import BURSTS, CONSTANT, POISSON, LoadStep, Protocol
from clusterdns.model.load_figures import P99
from clusterdns.model.resolver import Libc, ResolvConf, search_candidates
from clusterdns.probing.load import Bursts, Constant, Plan, Poisson, Schedule, Template, distinct, fixed
from clusterdns.settings import Settings

BURST_INTERVAL = 0.2
"""Seconds from one burst to the next."""
UDP_BURSTS = LoadStep(Protocol.UDP, BURSTS)
_SPARE = 1.1  # Poisson arrivals may be fewer than planned


def load_steps(settings: Settings) -> list[LoadStep]:
    """Return the steps of a run, those that saturate last."""
    if not settings.full_load:
        return [LoadStep(Protocol.UDP, CONSTANT, settings.load_rate), UDP_BURSTS]
    smooth = product(Protocol, (CONSTANT, POISSON), settings.load_steps)
    return [*(LoadStep(*step) for step in smooth), *(LoadStep(protocol, BURSTS) for protocol in Protocol)]


def lag_limit_ms(step: LoadStep, settings: Settings) -> float:
    """Return how late (p99) the generator may be in a step."""
    return settings.burst_lag_limit if step.pattern == BURSTS else settings.schedule_lag_limit


def senders(step: LoadStep, nodes: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Return the nodes that a step's queries come from: as many as the cap allows, spread over all.

    Raises:
        HarnessError: a single node would send more than the cap.
    """
    rate = _rate(step, settings)
    most = int(settings.load_cap // rate)
    if not most:
        raise HarnessError(
            f"{rate:g} queries per second from one node are above --load-cap {settings.load_cap:g}: "
            "lower the load, or raise the cap if the cluster may be sent that"
        )
    count = min(most, len(nodes))
    return tuple(nodes[position * len(nodes) // count] for position in range(count))


def schedule(step: LoadStep, nodes: int, settings: Settings) -> Schedule:
    """Return when a pod on each of so many nodes sends the queries of a step.

    At a rate it takes as long as it takes all of them to send enough for a p99.
    """
    if step.pattern == BURSTS:
        return Bursts(settings.burst_size, BURST_INTERVAL, settings.burst_seconds)
    seconds = max(settings.load_seconds, _SPARE * samples_needed(P99) / step.rate / nodes)
    return (Constant if step.pattern == CONSTANT else Poisson)(step.rate, seconds)


def _rate(step: LoadStep, settings: Settings) -> float:
    return settings.burst_size / BURST_INTERVAL if step.pattern == BURSTS else step.rate


def plan(  # noqa: PLR0913 - all that a plan is made of
    step: LoadStep,
    when: Schedule,
    address: str,
    port: int,
    templates: Sequence[Template],
    *,
    deadline: float,
    seed: int,
) -> Plan:
    """Return what one of the pods sends.

    Args:
        step: The step.
        when: Its schedule.
        address: The server's.
        port: The server's.
        templates: What is asked for.
        deadline: Seconds for an answer.
        seed: The pod's own, so that what is random in the schedule is not the same in all of them.
    """
    own = replace(when, seed=seed) if isinstance(when, Poisson) else when
    return Plan(
        address=address,
        port=port,
        protocol=step.protocol,
        schedule=own,
        templates=templates,
        deadline=deadline,
    )


def described(when: Schedule) -> str:
    """Return a schedule in words."""
    if isinstance(when, Bursts):
        return f"bursts of {when.size} names every {when.interval:g} s for {when.seconds:g} s"
    return f"{when.rate:g} queries per second ({when.pattern}) for {when.seconds:.3g} s"


def distinct_names(zone: str) -> list[Template]:
    """Return templates for A and AAAA of names that nobody else asks for, and that do not exist."""
    parent = f"clusterdns-load.svc.{zone}"
    return [distinct(parent, "A"), distinct(parent, "AAAA")]


def load_questions(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Read what loads at a rate ask for, as (name, type); none where no file is given.

    Raises:
        UsageError: the file cannot be used.
    """
    if settings.load_names is None:
        return ()
    try:
        return read_names(settings.load_names)
    except UsageError as error:
        raise UsageError(f"--load-names: {error}") from None


def templates_of(questions: Iterable[tuple[str, str]], conf: ResolvConf) -> list[Template]:
    """Return the queries for questions; names without a final dot as glibc tries them in a pod.

    Args:
        questions: Names with their types.
        conf: The pod's resolv.conf.
    """
    return [
        fixed(candidate, rtype)
        for name, rtype in questions
        for candidate in search_candidates(name, conf, Libc.GLIBC)
    ]
