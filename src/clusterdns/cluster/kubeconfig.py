"""A user's kubeconfig: read, reduced to one context, copied; never written, never deleted.

Source: kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/.
"""

import difflib
from pathlib import Path
from typing import Any

import yaml

from clusterdns.errors import UsageError

Kubeconfig = dict[str, Any]

_FILES = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}


def read(path: Path, context: str | None) -> Kubeconfig:
    """Return the kubeconfig at `path`, reduced to `context`, with file references made absolute.

    Args:
        path: of the file.
        context: a name in it; None for its current one, where the file is not a user's.

    Raises:
        UsageError: the file or the context cannot be used.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--kubeconfig: cannot read {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UsageError(f"--kubeconfig: {path} is not YAML: give the path of a kubeconfig") from None
    if not isinstance(config, dict) or not isinstance(config.get("contexts"), list) or not config["contexts"]:
        raise UsageError(f"--kubeconfig: {path} names no contexts: give the path of a kubeconfig")
    context = context or str(config.get("current-context"))
    chosen = _named(config, "contexts", context)
    if chosen is None:
        names = [
            str(entry["name"]) for entry in config["contexts"] if isinstance(entry, dict) and "name" in entry
        ]
        near = difflib.get_close_matches(context, names, n=3) or names[:3]
        raise UsageError(f"--kube-context: {path} has no context {context!r}; it has {', '.join(near)}")
    reduced: Kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [chosen],
        "current-context": context,
    }
    for kind, key in (("clusters", "cluster"), ("users", "user")):
        name = (chosen.get("context") or {}).get(key)
        entry = _named(config, kind, name)
        if entry is None:
            raise UsageError(
                f"--kube-context: {context!r} in {path} names the {key} {name!r}, which is not there"
            )
        reduced[kind] = [_absolute(entry, key, _FILES[kind], path.absolute().parent)]
    return reduced


def write_private(config: Kubeconfig, path: Path) -> Path:
    """Write a kubeconfig so that only its owner may read it; return its path."""
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _named(config: Kubeconfig, kind: str, name: object) -> dict[str, Any] | None:
    entries = config.get(kind) or []
    return next((entry for entry in entries if isinstance(entry, dict) and entry.get("name") == name), None)


def _absolute(entry: dict[str, Any], key: str, files: tuple[str, ...], base: Path) -> dict[str, Any]:
    """Return the entry with relative file names, which count from the kubeconfig's folder, made absolute."""
    content = dict(entry.get(key) or {})
    for name in files:
        if content.get(name):
            content[name] = str(base / content[name])
    plugin = content.get("exec")
    if plugin and "/" in str(plugin.get("command", "")):
        content["exec"] = {**plugin, "command": str(base / plugin["command"])}
    return {**entry, key: content}
