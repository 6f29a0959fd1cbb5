"""The settings of commands that need no cluster."""

import os
from collections.abc import Mapping

from clusterdns.settings import Settings


def settings_without_cluster(given: Mapping[str, object]) -> Settings:
    """Return the settings that arguments (None where one is not given) and the environment make.

    The environment may name a cluster, for the commands that ask one.

    Raises:
        UsageError: an argument or a variable of the environment cannot be used.
    """
    no_cluster = dict.fromkeys(("cluster", "kubeconfig", "kube_context"))
    flags = {name: value for name, value in given.items() if value is not None}
    return Settings.load({**no_cluster, **flags}, os.environ)
