"""What the API server's answers of 300 and more mean, as one of our errors each."""

import json
import re
from collections.abc import Mapping
from typing import Any

from clusterdns.errors import AdmissionRefused, AlreadyExists, ClusterError, PermissionMissing

_UNAUTHORIZED, _FORBIDDEN, _CONFLICT = 401, 403, 409
_DENIED = re.compile("denied (the )?request")
_LONGEST = 1000  # characters of somebody else's words in a message of ours


def failure(
    status: int, answer: Mapping[str, Any], verb: str, what: str, context: str
) -> ClusterError | PermissionMissing:
    """Return the error that an answer with an HTTP status of 300 or more means.

    Args:
        status: HTTP's.
        answer: The API server's Status object, as far as it sent one (`status_of`).
        verb: What was asked for, e.g. "create".
        what: Of which object, in words.
        context: Of the kubeconfig.
    """
    said = answer.get("message")
    message = " ".join(said.split())[:_LONGEST] if isinstance(said, str) else ""
    message = message or f"HTTP status {status}"
    if status == _UNAUTHORIZED or "system:anonymous" in message:
        return ClusterError(
            f"the API server does not accept the credentials of context {context}: renew them"
        )
    if status == _CONFLICT and answer.get("reason") == "AlreadyExists":
        return AlreadyExists(f"cannot {verb} {what}: {message}")
    # A webhook or policy may refuse with any status; the API server's words are the same.
    if status != _FORBIDDEN and not _DENIED.search(message):
        return ClusterError(f"cannot {verb} {what}: {message}")
    # The authorizer says who cannot do what; admission says which rule the object breaks.
    if " cannot " in message:
        return PermissionMissing(f"not allowed to {verb} {what}: grant it (see manifests/rbac); {message}")
    return AdmissionRefused(f"cannot {verb} {what}: {message}")


def status_of(body: bytes | None) -> Mapping[str, Any]:
    """Return the API server's words for a refusal, as far as it said any."""
    text = (body or b"").decode("utf-8", "backslashreplace")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {"message": text}
    return answer if isinstance(answer, dict) else {}
