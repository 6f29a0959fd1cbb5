import re
from pathlib import Path

import pytest

from clusterdns.errors import UsageError
from clusterdns.model.profiles import Profile
from clusterdns.settings import OWN_IMAGE, PUBLIC_IMAGE, Settings, flag


def test_every_setting_says_what_it_is_for_and_where_its_default_comes_from() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["source"], name


def test_flags_win_over_the_environment_over_defaults() -> None:
    environment = {"CLUSTERDNS_SEARCH_LIMIT": "4", "CLUSTERDNS_KEEP": "true", "PATH": "/bin"}
    settings = Settings.load({"search_limit": "5"}, environment)
    assert settings.search_limit == 5
    assert settings.keep
    assert settings.profile is Profile.CORE
    assert settings.report_dir == Path("report")


@pytest.mark.parametrize(
    "given", ["resolver.ndots,topology", ["resolver.ndots", "topology"], [" resolver.ndots ,topology,"]]
)
def test_names_come_as_lists_or_with_commas(given: object) -> None:
    assert Settings.load({"check": given}, {}).check == ("resolver.ndots", "topology")


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"search_limit": "x"}, {}, "--search-limit: must be a valid integer"),
        (
            {},
            {"CLUSTERDNS_SEARCH_LIMIT": "0"},
            "CLUSTERDNS_SEARCH_LIMIT: must be greater than or equal to 1, not '0'",
        ),
        ({}, {"CLUSTERDNS_KEPT": "1"}, "CLUSTERDNS_KEPT is no setting, did you mean CLUSTERDNS_KEEP?"),
        (
            {"cluster": "kubeconfig"},
            {},
            "--cluster kubeconfig needs an explicit --kubeconfig and --kube-context",
        ),
        ({"external_name": "example"}, {}, "--external-name: 'example' is no domain name of two labels"),
        ({"external_name": "www.example.com."}, {}, "without a trailing dot"),
    ],
)
def test_a_fault_is_one_line_that_names_what_was_written(
    flags: dict[str, object], environ: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.load(flags, environ)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def numbers() -> list[str]:
    """Return the settings that are a number."""
    return [name for name, field in Settings.model_fields.items() if field.annotation in (float, int)]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity"])
@pytest.mark.parametrize("name", numbers())
def test_no_number_is_without_an_end(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=flag(name)) as caught:
        Settings.load({name: value}, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in numbers() if name.endswith(("_timeout", "_seconds"))])
def test_no_wait_is_endless(name: str) -> None:
    for value in ("0", "-1", "1e300"):
        with pytest.raises(UsageError, match=flag(name)):
            Settings.load({name: value}, {})


def test_load_and_disruption_are_free_on_a_lab_only() -> None:
    foreign = {"cluster": "kubeconfig", "kubeconfig": "f", "kube_context": "c"}
    for profile, allowed in (("load", "allow_load"), ("disruptive", "allow_disruption")):
        assert Settings.load({"cluster": "lab", "profile": profile}, {}).profile == profile
        with pytest.raises(UsageError, match=f"add --{allowed.replace('_', '-')}"):
            Settings.load({**foreign, "profile": profile}, {})
        assert Settings.load({**foreign, "profile": profile, allowed: True}, {}).profile == profile


def test_a_repository_moves_the_default_image_and_leaves_an_override_alone() -> None:
    mirror = {"image_repo": "mirror.example/dns/"}
    assert Settings.load(mirror, {}).image().startswith("mirror.example/dns/python:")
    assert Settings.load({**mirror, "probe_image": "mine:1"}, {}).image() == "mine:1"


def test_the_projects_own_image_is_taken_where_every_node_holds_it() -> None:
    assert Settings.load({"cluster": "lab"}, {}).image() == OWN_IMAGE
    foreign = Settings.load({"cluster": "kubeconfig", "kubeconfig": "f", "kube_context": "c"}, {})
    assert foreign.image() == PUBLIC_IMAGE
    assert foreign.image([OWN_IMAGE]) == OWN_IMAGE


@pytest.mark.parametrize(("written", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)])
def test_a_soak_lasts_as_long_as_is_written(written: str, seconds: float) -> None:
    assert Settings.load({"soak": written}, {}).soak == seconds


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"soak": "5x"}, "--soak: must be a time such as 90s, 30m or 2h, not '5x'"),
        ({"soak": "٣٠"}, "--soak: must be a time such as 90s, 30m or 2h"),
        ({"soak_until_nodes_at": "next"}, "must be a version such as 1.36 or v1.36.1, not 'next'"),
        ({"soak_until_nodes_at": "1"}, "must be a version such as 1.36 or v1.36.1, not '1'"),
        ({"soak_until_nodes_at": "1.x"}, "must be a version such as 1.36 or v1.36.1, not '1.x'"),
        ({"soak_until_nodes_at": "1.36 ; b"}, "must be a version such as 1.36 or v1.36.1, not '1.36 ; b'"),
    ],
)
def test_what_is_no_time_or_version_is_said(flags: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Settings.load(flags, {})


@pytest.mark.parametrize("version", ["1.36", "v1.36.1", "1.36.0-gke.2253000", "v1.36.1+k3s1"])
def test_a_soak_ends_at_a_version(version: str) -> None:
    assert Settings.load({"soak_until_nodes_at": version}, {}).soak_until_nodes_at == version


@pytest.mark.parametrize("zone", ["", " ", "cluster.local.", "a..b", "\x1b[31m", "a" * 64, "{}"])
def test_what_is_no_domain_is_no_zone(zone: str) -> None:
    with pytest.raises(UsageError, match=r"CLUSTERDNS_ZONE: .* is no domain such as cluster"):
        Settings.load({}, {"CLUSTERDNS_ZONE": zone})


@pytest.mark.parametrize("zone", ["cluster.local", "local", "K8S.example"])
def test_a_zone_is_a_domain(zone: str) -> None:
    assert Settings.load({"zone": zone}, {}).zone == zone
