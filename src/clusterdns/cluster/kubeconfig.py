"""A user's kubeconfig: read, reduced to one context; never written, never copied, never deleted.

Source: kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/.
"""

import difflib
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import yaml

from clusterdns.errors import UsageError
from clusterdns.files import read_bounded

Kubeconfig = dict[str, Any]

_LARGEST = 8 << 20  # bytes of a kubeconfig: hundreds of contexts have some 1 MiB
_TOKEN = re.compile(r"[\x21-\x7e]+")  # RFC 9110 5.5: what a field value may hold, without white space
_IMPERSONATION = {"as", "as-uid", "as-groups", "as-user-extra"}

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
        config = yaml.safe_load(read_bounded(path, _LARGEST).decode())
    except OSError as error:
        raise UsageError(f"--kubeconfig: cannot read {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
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
        judge = _cluster_trouble if key == "cluster" else _user_trouble
        trouble = judge(reduced[kind][0][key])
        if trouble:
            raise UsageError(f"--kube-context: {context!r} in {path}: {trouble}")
    return reduced


def _named(config: Kubeconfig, kind: str, name: object) -> dict[str, Any] | None:
    entries = config.get(kind) or []
    return next((entry for entry in entries if isinstance(entry, dict) and entry.get("name") == name), None)


def _cluster_trouble(cluster: dict[str, Any]) -> str:
    """Return why a cluster's entry cannot be used, "" where it can; the words quote nothing of it."""
    parts = _url(cluster.get("server"))
    if parts is None:
        return "its server is no URL of the form https://HOST:PORT"
    if parts.username is not None or parts.password is not None:
        return "its server's URL holds credentials, which do not belong there: give them in the user's entry"
    if cluster.get("proxy-url") and _url(cluster["proxy-url"]) is None:
        return "its proxy-url is no URL of the form http://HOST:PORT: no other proxies can be used"
    return ""


def _url(given: object) -> SplitResult | None:
    """Return an HTTP URL of a kubeconfig in parts, None where it is something else."""
    try:
        parts = urlsplit(given) if isinstance(given, str) else None
    except ValueError:
        return None
    return parts if parts and parts.scheme in ("http", "https") and parts.hostname else None


def _user_trouble(user: dict[str, Any]) -> str:
    """Return why a user's entry cannot be used, "" where it can; the words quote nothing of it."""
    token = user.get("token")
    if token is not None and (not isinstance(token, str) or not _TOKEN.fullmatch(token)):
        return "its token is none: one word of visible characters"
    if "auth-provider" in user:
        return "auth-provider is gone since Kubernetes 1.26: use the exec plugin of the provider"
    if _IMPERSONATION & user.keys():
        return "it impersonates another user, which this suite does not: use credentials of that user"
    return _plugin_trouble(user["exec"]) if user.get("exec") else ""


def _plugin_trouble(plugin: object) -> str:
    """Return why an exec plugin cannot be run, "" where it can; the words quote nothing of it."""
    given = plugin if isinstance(plugin, dict) else {}
    arguments, variables = given.get("args") or [], given.get("env") or []
    if (
        not all(isinstance(given.get(key), str) and given[key] for key in ("command", "apiVersion"))
        or not isinstance(arguments, list)
        or not all(isinstance(argument, str) for argument in arguments)
        or not isinstance(variables, list)
        or not all(map(_is_variable, variables))
    ):
        return "its exec plugin is none: it needs command and apiVersion, args and env are lists"
    if given.get("interactiveMode") == "Always":
        return "its exec plugin wants to ask a person: log in by hand, and use what that leaves"
    return ""


def _is_variable(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("name", "value"))


def _absolute(entry: dict[str, Any], key: str, files: tuple[str, ...], base: Path) -> dict[str, Any]:
    """Return the entry with relative file names, which count from the kubeconfig's folder, made absolute."""
    given = entry.get(key)
    content = (
        {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else {}
    )
    if isinstance(content.get("token"), str):
        content["token"] = content["token"].strip()  # a file's last newline, mostly
    for name in files:
        if content.get(name):
            content[name] = str(base / content[name])
    plugin = content.get("exec")
    if isinstance(plugin, dict) and "/" in str(plugin.get("command", "")):
        content["exec"] = {**plugin, "command": str(base / plugin["command"])}
    return {**entry, key: content}
