import pytest

from clusterdns.catalogue import CATALOGUE, expand
from clusterdns.model.profiles import INCLUDES, Profile


def test_every_row_is_one_sentence_under_its_area() -> None:
    for id_, check in CATALOGUE.items():
        assert id_ == check.id
        assert check.area
        assert id_.count(".") == 1
        assert check.requirement.endswith(".")


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
