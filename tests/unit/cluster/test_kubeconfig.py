from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterdns.cluster import kubeconfig
from clusterdns.errors import UsageError

PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "bin/plugin", "args": ["x"]}
CONFIG: dict[str, Any] = {
    "current-context": "test",
    "contexts": [
        {"name": "test", "context": {"cluster": "it", "user": "me"}},
        {"name": "production", "context": {"cluster": "other", "user": "me"}},
        {"name": "broken", "context": {"cluster": "gone", "user": "me"}},
    ],
    "clusters": [
        {"name": "it", "cluster": {"server": "https://h", "certificate-authority": "ca.crt"}},
        {"name": "other", "cluster": {"server": "https://o"}},
    ],
    "users": [{"name": "me", "user": {"client-key": "/k", "exec": PLUGIN}}],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


def test_only_the_chosen_context_is_copied(file: Path) -> None:
    reduced = kubeconfig.read(file, "test")
    assert reduced["current-context"] == "test"
    assert [entry["name"] for entry in reduced["contexts"] + reduced["clusters"]] == ["test", "it"]


def test_the_current_context_is_taken_where_none_is_named(file: Path) -> None:
    assert kubeconfig.read(file, None)["current-context"] == "test"


def test_relative_files_still_count_from_the_original(file: Path, tmp_path: Path) -> None:
    reduced = kubeconfig.read(file, "test")
    assert reduced["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca.crt")
    assert reduced["users"][0]["user"]["client-key"] == "/k"
    assert reduced["users"][0]["user"]["exec"]["command"] == str(tmp_path / "bin/plugin")


def test_reading_leaves_the_file_as_it_is(file: Path) -> None:
    before = file.read_bytes(), file.stat().st_mtime_ns
    kubeconfig.read(file, "test")
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        (None, "test", "--kubeconfig: cannot read .*No such file"),
        ("a: [", "test", "is not YAML"),
        ("\0", "test", "is not YAML"),
        ("just text", "test", "names no contexts"),
        ("contexts: []", "test", "names no contexts"),
        ("contexts: [1]", "test", "has no context 'test'"),
        (yaml.safe_dump(CONFIG), "prodution", "has no context 'prodution'; it has production"),
        (yaml.safe_dump(CONFIG), "broken", "names the cluster 'gone', which is not there"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, text: str | None, context: str, message: str) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        kubeconfig.read(path, context)
    assert "\n" not in str(caught.value)


CANARY = "c4n4ry"


def written(file: Path, *, server: object = "https://h", proxy: object = None, **user: object) -> Path:
    """Write a kubeconfig with these entries."""
    config = {
        **CONFIG,
        "clusters": [{"name": "it", "cluster": {"server": server, "proxy-url": proxy}}],
        "users": [{"name": "me", "user": user}],
    }
    file.write_text(yaml.safe_dump(config))
    return file


@pytest.mark.parametrize("token", [CANARY, f"{CANARY}\n", f"  {CANARY}\r\n\n"])
def test_white_space_around_a_token_is_none_of_it(file: Path, token: str) -> None:
    reduced = kubeconfig.read(written(file, token=token), "test")
    assert reduced["users"][0]["user"]["token"] == CANARY


def test_entries_without_a_value_are_left_out(file: Path) -> None:
    reduced = kubeconfig.read(written(file, **{"token": None, "client-key": "/k"}), "test")
    assert reduced["users"][0]["user"] == {"client-key": "/k"}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"token": f"{CANARY}\n{CANARY}"}, "its token is none"),
        ({"token": f"{CANARY}\x00"}, "its token is none"),
        ({"token": f"{CANARY}é"}, "its token is none"),
        ({"token": [CANARY]}, "its token is none"),
        ({"token": 5}, "its token is none"),
        ({"server": f"https://u:{CANARY}@h"}, "its server's URL holds credentials"),
        ({"server": f"https://{CANARY}@h"}, "its server's URL holds credentials"),
        ({"server": f"https://[{CANARY}"}, "its server is no URL"),
        ({"server": CANARY}, "its server is no URL"),
        ({"server": {CANARY: CANARY}}, "its server is no URL"),
        ({"server": None}, "its server is no URL"),
        ({"proxy": f"socks5://u:{CANARY}@h:1080"}, "its proxy-url is no URL of the form http://HOST:PORT"),
        ({"proxy": f"http://u:{CANARY}@[h"}, "its proxy-url is no URL"),
        ({"proxy": [CANARY]}, "its proxy-url is no URL"),
        (
            {"auth-provider": {"name": "gcp", "config": {"access-token": CANARY}}},
            "gone since Kubernetes 1.26",
        ),
        ({"as": CANARY}, "it impersonates another user"),
        ({"as-groups": [CANARY]}, "it impersonates another user"),
        ({"exec": CANARY}, "its exec plugin is none"),
        ({"exec": {"command": CANARY}}, "its exec plugin is none"),
        ({"exec": {**PLUGIN, "command": 5, "args": [CANARY]}}, "its exec plugin is none"),
        ({"exec": {**PLUGIN, "args": CANARY}}, "its exec plugin is none"),
        ({"exec": {**PLUGIN, "env": {"TOKEN": CANARY}}}, "its exec plugin is none"),
        ({"exec": {**PLUGIN, "env": [{"name": CANARY}]}}, "its exec plugin is none"),
        ({"exec": {**PLUGIN, "interactiveMode": "Always"}}, "its exec plugin wants to ask a person"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_told_without_quoting_it(
    file: Path, entries: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        kubeconfig.read(written(file, **entries), "test")
    assert CANARY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endless_file_is_no_kubeconfig() -> None:
    with pytest.raises(UsageError, match="cannot read /dev/zero: File too large"):
        kubeconfig.read(Path("/dev/zero"), "test")
