"""The agent's `http_timing`: pages asked for by HTTP and HTTPS, and how long each phase of it takes."""

from collections.abc import Sequence

from clusterdns.model.http_timing import HttpTiming
from clusterdns.probing.pods import ProbePod, Prober


def http_timing(  # noqa: PLR0913 - all that requests are made of
    prober: Prober, pod: ProbePod, urls: Sequence[str], *, times: int, timeout: float, give_up: int
) -> list[HttpTiming]:
    """Ask for pages from a pod, strictly one after the other; return what came of each request, in order.

    Args:
        prober: Runs the operation.
        pod: Asks.
        urls: Of the pages.
        times: How often each is asked for.
        timeout: Seconds for each phase, but for DNS.
        give_up: A URL that fails so often in a row is not asked for again.

    Raises:
        ProbeError: the agent failed, or fell silent.
    """
    request = {"urls": list(urls), "times": times, "timeout": timeout, "give_up": give_up}
    return [
        HttpTiming(pod.node, answer["url"], answer["phases"], answer["failed"], answer["failure"])
        for answer in prober.run(pod, "http_timing", request)
    ]
