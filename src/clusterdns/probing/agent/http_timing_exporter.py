"""Asks for pages for as long as it runs, and exposes the phases' times and failures to Prometheus.

    python3 http_timing_exporter.py --every 5 --port 9100 URL...

A program of its own for a long-running Deployment (manifests/http-probe); the suite does not drive it.
Series:
    clusterdns_http_phase_seconds{url, phase}                a histogram; of phases that succeeded
    clusterdns_http_failures_total{url, phase}               requests that failed, by the phase they failed in
    clusterdns_http_requests_total{url}
Source of the format: the Prometheus text exposition format, version 0.0.4.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

from http_timing import TimedRequest

PHASES = ("dns", "connect", "tls", "first_byte", "body", "total")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds
SECOND = 1e9


class Series:
    """What has been measured of one URL."""

    def __init__(self, url: str) -> None:
        self.labels = 'url="{}"'.format(url.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        self.requests = 0
        self.failures = dict.fromkeys(PHASES[:-1], 0)
        self.counts = {phase: [0] * len(BUCKETS) for phase in PHASES}
        self.sums = dict.fromkeys(PHASES, 0.0)
        self.totals = dict.fromkeys(PHASES, 0)

    def take(self, outcome: dict[str, Any]) -> None:
        """Counts a request."""
        self.requests += 1
        failed = outcome["failed"]
        if failed:
            self.failures[failed] += 1
        for phase, took_ns in outcome["phases"].items():
            if failed and phase in (failed, "total"):
                continue
            took = took_ns / SECOND
            self.sums[phase] += took
            self.totals[phase] += 1
            for index, bound in enumerate(BUCKETS):
                self.counts[phase][index] += took <= bound


class Exporter:
    """Asks for every URL again and again."""

    def __init__(self, urls: list[str], every: float, timeout: float) -> None:
        self.urls = {url: Series(url) for url in urls}
        self._every, self._timeout = every, timeout
        self._lock = threading.Lock()

    def run(self) -> None:
        """Fetches at times fixed in advance: a slow one delays no other round."""
        due = time.monotonic()
        while True:
            for url in self.urls:
                threading.Thread(target=self._time, args=(url,), daemon=True).start()
            due += self._every
            time.sleep(max(0.0, due - time.monotonic()))

    def _time(self, url: str) -> None:
        outcome = TimedRequest(url, self._timeout).outcome()
        with self._lock:
            self.urls[url].take(outcome)

    def page(self) -> str:
        """Writes what has been measured as Prometheus reads it."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        name = "clusterdns_http_phase_seconds"
        yield f"# HELP {name} Time that a phase of a request took."
        yield f"# TYPE {name} histogram"
        for series in self.urls.values():
            for phase in PHASES:
                labels = f'{series.labels},phase="{phase}"'
                if series.totals[phase]:
                    for index, bound in enumerate(BUCKETS):
                        count = series.counts[phase][index]
                        yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
                    yield f'{name}_bucket{{{labels},le="+Inf"}} {series.totals[phase]}'
                    yield f"{name}_sum{{{labels}}} {series.sums[phase]}"
                    yield f"{name}_count{{{labels}}} {series.totals[phase]}"
        yield "# HELP clusterdns_http_failures_total Requests that failed, by phase."
        yield "# TYPE clusterdns_http_failures_total counter"
        for series in self.urls.values():
            for phase, count in series.failures.items():
                yield f'clusterdns_http_failures_total{{{series.labels},phase="{phase}"}} {count}'
        yield "# HELP clusterdns_http_requests_total Requests, failed ones too."
        yield "# TYPE clusterdns_http_requests_total counter"
        for series in self.urls.values():
            yield f"clusterdns_http_requests_total{{{series.labels}}} {series.requests}"


def serve(exporter: Exporter, port: int) -> ThreadingHTTPServer:
    """Offers the exporter's page at /metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exporter.page().encode()
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Logs nothing: a scrape is no event."""

    return ThreadingHTTPServer(("", port), Handler)


def main() -> None:
    """Runs until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=float, default=5.0, help="seconds from one round to the next")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds of each phase but DNS")
    parser.add_argument("--port", type=int, default=9100, help="of /metrics")
    parser.add_argument("urls", nargs="+", metavar="URL")
    options = parser.parse_args()
    if options.every <= 0:
        sys.exit("--every wants more than 0 seconds")
    exporter = Exporter(options.urls, options.every, options.timeout)
    threading.Thread(target=exporter.run, daemon=True).start()
    serve(exporter, options.port).serve_forever()


if __name__ == "__main__":
    main()
