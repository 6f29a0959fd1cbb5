"""Pages asked for from every node."""

from collections.abc import Iterable

from clusterdns.model.http_timing import HttpTiming
from clusterdns.probing.http_timing import http_timing
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober

_TIMES = 20  # each URL, from each node: enough for a median
_GIVE_UP = 3


def time_pages(prober: Prober, pods: Iterable[ProbePod], host: str, timeout: float) -> list[HttpTiming]:
    """Ask for a host's page by HTTP and by HTTPS, from every pod.

    Args:
        prober: Runs the requests.
        pods: That ask.
        host: Its name.
        timeout: Seconds for each phase of a request, but for DNS.

    Raises:
        ProbeError: an agent failed.
    """
    urls = [f"{scheme}://{host}/" for scheme in ("http", "https")]
    by_pod = on_nodes_left(
        lambda pod: http_timing(prober, pod, urls, times=_TIMES, timeout=timeout, give_up=_GIVE_UP), pods
    )
    return [timing for _, timings in by_pod for timing in timings]
