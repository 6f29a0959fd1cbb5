"""Why a container does not start, where no waiting mends it."""

from clusterdns.cluster.api import Object

# States of a waiting container. Source: k8s.io/kubernetes pkg/kubelet/images and pkg/kubelet/kuberuntime.
_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
_NO_CONTAINER = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
}


def why_not_started(status: Object, node: str) -> str | None:
    """Return why a container will not start, and what to do; None where it has, or still may.

    Args:
        status: The container's, one of those in a pod's status.
        node: Where the pod is.
    """
    waiting = status.get("state", {}).get("waiting", {})
    said = one_line(f"{waiting.get('reason')}: {waiting.get('message', 'no message')}")
    if waiting.get("reason") in _NO_IMAGE:
        return (
            f"node {node} cannot pull image {status['image']} ({said}): "
            "choose one it can pull with --image-repo or --probe-image"
        )
    if waiting.get("reason") in _NO_CONTAINER:
        return f"container {status['name']} cannot start on node {node}: {said}"
    return None


def one_line(text: str) -> str:
    """Return a message without its line breaks."""
    return " ".join(text.split())
