"""The Prometheus of a lab, asked through the API server: when it sees what it is to see."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from lab.errors import LabError
from lab.kubectl import Kubectl

_ROOTS = {
    "operator": "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1",
    "prometheus": "/api/v1/namespaces/prometheus/services/prometheus:9090/proxy/api/v1",
}
_SECONDS = 120.0
_EVERY = 1.0


class Prometheus:
    """The one that an add-on brings: "operator" or "prometheus"."""

    def __init__(self, addon: str, kubectl: Kubectl) -> None:
        """Ask nothing yet."""
        self._addon = addon
        self._kubectl = kubectl

    def wait(self, what: str, look: Callable[["Prometheus"], bool]) -> None:
        """Wait until it sees something.

        Raises:
            LabError: it did not within two minutes.
        """
        deadline = time.monotonic() + _SECONDS
        last = "nothing"
        while time.monotonic() < deadline:
            self._nudge()
            try:
                if look(self):
                    return
                last = "not yet"
            except LabError as error:  # it is not there yet, or is just reading its configuration
                last = str(error)
            time.sleep(_EVERY)
        raise LabError(f"Prometheus did not see {what} within {_SECONDS:g} s: {last}")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an instant query gives."""
        return list(self._ask(f"query?query={quote(expression)}")["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule, with its health."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def sees_all(self) -> bool:
        """Whether it has a target for each monitor, none besides, and all are up."""
        targets = self._ask("targets?state=active")["activeTargets"]
        pools = {target["scrapePool"] for target in targets}
        wanted = self._pools() if self._addon == "operator" else pools
        return bool(pools) and wanted == pools and all(target["health"] == "up" for target in targets)

    def _pools(self) -> set[str]:
        return {
            f"{kind}Monitor/{one['metadata']['namespace']}/{one['metadata']['name']}/{index}"
            for kind, endpoints in (("service", "endpoints"), ("pod", "podMetricsEndpoints"))
            for one in self._kubectl.items(f"/apis/monitoring.coreos.com/v1/{kind}monitors")
            for index, _ in enumerate(one["spec"][endpoints])
        }

    def _ask(self, path: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(
                self._kubectl("get", "--raw", f"{_ROOTS[self._addon]}/{path}")
            )
            return dict(answer["data"])
        except (ValueError, KeyError) as error:
            raise LabError(f"Prometheus gave no answer to {path}") from error

    def _nudge(self) -> None:
        """Let the kubelet look at the pod now: it renews a changed configuration only when it does.

        By itself it looks once a minute.
        """
        if self._addon == "operator":
            what = ["pod", "--selector=app.kubernetes.io/name=prometheus", "--namespace=monitoring"]
            self._kubectl("annotate", *what, "--overwrite", f"clusterdns.io/nudged={time.time()}")
