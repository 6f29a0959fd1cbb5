"""Every error this package raises on purpose.

    ClusterDNSError
    ├── UsageError            the user asked for something impossible (exit code 4)
    └── HarnessError          we could not measure: outcome "error", never a pass, never a fail
        ├── ClusterError          the API server: unreachable, refused, gone away
        │   ├── AdmissionRefused      a policy of the cluster does not let an object in
        │   └── AlreadyExists         an object of that name is there
        ├── PermissionMissing     the credentials may not do what the run needs
        ├── DeadlineExceeded      a wait ran out; carries the last state seen
        ├── ProbeError            a probe pod or its agent did not do its part
        │   ├── ConnectionLost        the connection to it broke off
        │   └── NodeLost              its node, or the pod, went away in mid-run
        └── MachineBusy           the node or the machine that measures was too busy for what is timed there
            └── CaptureIncomplete     the kernel dropped packets of a capture

A verdict about the cluster is not an error: see `clusterdns.model.outcome`.
"""


class ClusterDNSError(Exception):
    """The root; its message is one line that says what is wrong and what to do."""


class UsageError(ClusterDNSError):
    """An option, a file or a name the user gave cannot be used."""


class HarnessError(ClusterDNSError):
    """The suite could not measure."""


class ClusterError(HarnessError):
    """The Kubernetes API did not answer as needed."""


class AdmissionRefused(ClusterError):  # noqa: N818 - the API server's word is "forbidden"
    """The credentials suffice, but an admission rule, such as Pod Security or a quota, says no."""


class AlreadyExists(ClusterError):  # noqa: N818 - the API server's own term
    """An object of the name is there already.

    Attributes:
        repeated: Whether an earlier attempt of the same request may have made it.
    """

    repeated = False


class PermissionMissing(HarnessError):  # noqa: N818 - states what is missing, as the message does
    """The credentials in use lack a permission that the run needs."""


class DeadlineExceeded(HarnessError):  # noqa: N818 - the field's own term
    """A wait ran out; the message carries the last state seen."""


class ProbeError(HarnessError):
    """A probe pod or the agent in it failed to do its part."""


class ConnectionLost(ProbeError):  # noqa: N818 - states what happened, as the message does
    """The connection to a program in a pod broke off; the program may have run to its end."""


class NodeLost(ProbeError):  # noqa: N818 - states what happened, as the message does
    """A node, or a probe pod on it, went away while the run went on: nothing more is measured there."""


class MachineBusy(HarnessError):  # noqa: N818 - a state, not an "error"
    """What measures was too busy itself: its figures say nothing about the cluster's DNS."""


class CaptureIncomplete(MachineBusy):
    """The kernel dropped packets of a capture: it proves nothing."""
