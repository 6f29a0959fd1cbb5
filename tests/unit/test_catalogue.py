import runpy
from collections import Counter

import pytest

from clusterdns.catalogue import CATALOGUE, expand
from clusterdns.model.profiles import INCLUDES, Profile
from clusterdns.suite import SUITE


def test_every_row_is_one_sentence_under_its_area() -> None:
    for id_, check in CATALOGUE.items():
        assert id_ == check.id
        assert check.area
        assert id_.count(".") == 1
        assert check.requirement.endswith(".")


def test_every_check_is_run_by_one_test() -> None:
    run = Counter(
        check.id
        for path in (SUITE / "tests" / "conformance").rglob("test_*.py")
        for test in runpy.run_path(str(path)).values()
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "checks"
        for check in mark.args[0]
    )
    assert run == dict.fromkeys(CATALOGUE, 1)


def test_every_profile_includes_itself_and_nothing_worse_than_asked_for() -> None:
    for profile, included in INCLUDES.items():
        assert profile in included
        assert included <= {Profile.AUDIT, Profile.CORE, profile}


def test_names_expand_in_catalogue_order() -> None:
    assert expand(["topology.identify", "resolver.ndots"]) == ("resolver.ndots", "topology.identify")
    assert expand({check.area for check in CATALOGUE.values()}) == tuple(CATALOGUE)
    assert expand([]) == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("resolver.ndot", "did you mean resolver.ndots"), ("qwertz", "areas are .*resolver.*topology")],
)
def test_an_unknown_name_lists_near_matches(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        expand([name])
