"""Label selectors, as the Kubernetes API writes them."""

from collections.abc import Mapping, Sequence
from typing import Any


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a LabelSelector matches labels; an empty one matches everything.

    What is no selector matches nothing: an operator that there is not, a part of another type.
    Source: k8s.io/apimachinery pkg/apis/meta/v1 LabelSelector.
    """
    wanted, rules = selector.get("matchLabels") or {}, selector.get("matchExpressions") or ()
    if not isinstance(wanted, Mapping) or not isinstance(rules, Sequence):
        return False
    if not all(labels.get(name) == value for name, value in wanted.items()):
        return False
    return all(isinstance(rule, Mapping) and _meets(rule, labels) for rule in rules)


def described(selector: Mapping[str, Any]) -> str:
    """Return a LabelSelector in kubectl's words, e.g. "k8s-app=kube-dns,tier in (a,b)"."""
    words = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        key, values = rule.get("key"), ",".join(map(str, rule.get("values") or ()))
        operator = rule.get("operator")
        words.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": f"{key}",
                "DoesNotExist": f"!{key}",
            }.get(str(operator), f"{key} {operator}")
        )
    return ",".join(words) or "anything"


def _meets(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(rule.get("key"))), rule.get("values") or ()
    if not isinstance(values, Sequence):
        return False
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(str(rule.get("operator")), False)
