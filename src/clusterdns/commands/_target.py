"""The flags that name a cluster, and the cluster that they name."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusterdns.cluster import kubeconfig
from clusterdns.cluster.api import Cluster, connect
from clusterdns.settings import Settings, flag


def add_target(parser: argparse.ArgumentParser) -> None:
    """Offer the flags that name a cluster."""
    parser.add_argument("--kubeconfig", type=Path, required=True, help="kubeconfig of the cluster; only read")
    parser.add_argument("--kube-context", required=True, help="context in that kubeconfig")
    timeout = Settings.model_fields["api_timeout"]
    parser.add_argument(
        flag("api_timeout"), type=float, default=timeout.default, help=timeout.description, metavar="SECONDS"
    )


@contextmanager
def target(options: argparse.Namespace) -> Iterator[Cluster]:
    """Give the cluster that the flags name, by a private copy of its kubeconfig.

    Raises:
        UsageError: the kubeconfig or the context cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="clusterdns-") as folder:
        config = kubeconfig.read(options.kubeconfig, options.kube_context)
        copy = kubeconfig.write_private(config, Path(folder, "kubeconfig"))
        yield connect(copy, options.kube_context, options.api_timeout)
