"""What a run has left in a cluster."""

import json

from lab import place, state
from tests.proof.conftest import Lab


def namespaces(lab: Lab) -> list[str]:
    """Return the namespaces of runs that nobody is removing."""
    kubectl = place.kubectl(state.running(lab.name))
    objects = json.loads(kubectl("get", "namespaces", "--selector=clusterdns.io/run", "--output=json"))
    return [
        item["metadata"]["name"] for item in objects["items"] if "deletionTimestamp" not in item["metadata"]
    ]
