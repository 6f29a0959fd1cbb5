"""The agent's `identity`: what a probe pod was given, and what its image holds."""

from dataclasses import dataclass

from clusterdns.formats.resolvconf import parse
from clusterdns.model.resolver import ResolvConf
from clusterdns.probing.pods import ProbePod, Prober


@dataclass(frozen=True, slots=True)
class Identity:
    """What a pod says of itself.

    Attributes:
        resolv_conf: Its resolv.conf.
        tools: The programs that its image holds, of those that checks use.
    """

    resolv_conf: ResolvConf
    tools: frozenset[str]


def identity(prober: Prober, pod: ProbePod) -> Identity:
    """Ask a pod what it is.

    Raises:
        ProbeError: the agent failed, or fell silent.
    """
    (answer,) = prober.run(pod, "identity", {}, repeatable=True)
    tools = frozenset(tool for tool, path in answer["tools"].items() if path)
    return Identity(parse(answer["resolv_conf"]), tools)
