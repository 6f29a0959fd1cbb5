from typing import Any

import pytest

from clusterdns.model.labels import described, matches

LABELS = {"app": "dns", "tier": "a"}


@pytest.mark.parametrize(
    ("selector", "fits", "words"),
    [
        ({}, True, "anything"),
        ({"matchLabels": {"app": "dns"}}, True, "app=dns"),
        ({"matchLabels": {"app": "web"}}, False, "app=web"),
        (
            {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]},
            True,
            "tier in (a,b)",
        ),
        (
            {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]},
            False,
            "tier notin (a)",
        ),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True, "tier"),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, True, "!zone"),
        ({"matchLabels": None, "matchExpressions": None}, True, "anything"),
    ],
)
def test_selectors(selector: Any, fits: bool, words: str) -> None:  # noqa: FBT001 - a case
    assert matches(selector, LABELS) is fits
    assert described(selector) == words
