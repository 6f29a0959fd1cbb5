"""Label selectors, as the Kubernetes API writes them."""

from collections.abc import Mapping
from typing import Any


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a LabelSelector matches labels; an empty one matches everything.

    Source: k8s.io/apimachinery pkg/apis/meta/v1 LabelSelector.
    """
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(_meets(rule, labels) for rule in selector.get("matchExpressions") or ())


def described(selector: Mapping[str, Any]) -> str:
    """Return a LabelSelector in kubectl's words, e.g. "k8s-app=kube-dns,tier in (a,b)"."""
    words = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        values = ",".join(rule.get("values") or ())
        words.append(
            {
                "In": f"{rule['key']} in ({values})",
                "NotIn": f"{rule['key']} notin ({values})",
                "Exists": f"{rule['key']}",
                "DoesNotExist": f"!{rule['key']}",
            }[rule["operator"]]
        )
    return ",".join(words) or "anything"


def _meets(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(rule["key"]), rule.get("values") or ()
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[rule["operator"]]
