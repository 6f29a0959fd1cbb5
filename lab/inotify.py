"""inotify instances: a user has few, and several labs, editors or containers use them up together."""

import ctypes
import os
from pathlib import Path

from lab.errors import LabError

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_PER_LAB = 16  # counted: the control plane takes 13
_PER_NODE = 10  # and kubelet, containerd and kube-proxy 8


def require(nodes: int) -> None:
    """Make sure that there are as many instances left as a lab takes.

    Raises:
        LabError: there are not; programs of the lab would end with "too many open files".
    """
    wanted = _PER_LAB + _PER_NODE * nodes
    inotify_init = ctypes.CDLL(None, use_errno=True).inotify_init
    taken = []
    try:
        for _ in range(wanted):
            taken.append(inotify_init())
            if taken[-1] < 0:
                raise LabError(
                    f"{len(taken) - 1} inotify instances are left, {nodes} nodes need {wanted}: end "
                    f"another lab, or raise the limit: sysctl fs.inotify.max_user_instances="
                    f"{2 * int(_LIMIT.read_text())}"
                )
    finally:
        for descriptor in taken:
            if descriptor >= 0:
                os.close(descriptor)
