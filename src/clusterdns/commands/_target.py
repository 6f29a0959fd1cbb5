"""The flags that name a cluster, the settings that they and the environment make, and the cluster itself."""

import argparse
import os
from collections.abc import Collection

from clusterdns.cluster import kubeconfig
from clusterdns.cluster.api import Cluster, connect
from clusterdns.errors import UsageError
from clusterdns.model.profiles import Profile
from clusterdns.settings import Settings, flag, variable

_NAMES = {"kubeconfig": "FILE", "kube_context": "NAME"}
_FLAGS = {**_NAMES, "api_timeout": "SECONDS"}


def add_target(parser: argparse.ArgumentParser) -> None:
    """Offer the flags that name a cluster; those that are needed may be in the environment instead."""
    for name, metavar in _FLAGS.items():
        field = Settings.model_fields[name]
        default = "" if name in _NAMES else f" (default: {field.default})"
        needed = name in _NAMES and variable(name) not in os.environ
        parser.add_argument(
            flag(name), required=needed, metavar=metavar, help=f"{field.description}{default}"
        )


def settings_of(options: argparse.Namespace, more: Collection[str] = ()) -> Settings:
    """Return the settings of a command that only reads a cluster.

    Args:
        options: Its arguments.
        more: Names of settings that it takes besides those of its target.

    Raises:
        UsageError: a flag or a variable of the environment cannot be used.
    """
    given = {name: getattr(options, name) for name in (*_FLAGS, *more) if getattr(options, name) is not None}
    return Settings.load({"cluster": "kubeconfig", "profile": Profile.AUDIT, **given}, os.environ)


def target(settings: Settings) -> Cluster:
    """Return the cluster that the settings name.

    Raises:
        UsageError: the kubeconfig or the context cannot be used.
    """
    file, context = settings.kubeconfig, settings.kube_context
    if not file or not context:
        raise UsageError("a cluster is named by --kubeconfig and --kube-context")
    return connect(kubeconfig.read(file, context), settings.api_timeout)
