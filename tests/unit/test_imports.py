"""Imports follow the data: target -> observations -> measurements -> verdict -> report."""

import ast
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# What each part of the package may import of it, itself aside.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "parallel": set(),
    "model": set(),
    "settings": {"errors", "model"},
    "selection": {"errors", "model", "settings"},
    "flags": {"settings"},
    "formats": {"errors", "model"},
    "analysis": {"errors", "model", "reporting"},
    "cluster": {"errors", "model", "formats", "parallel"},
    "probing": {"errors", "model", "formats", "parallel", "cluster"},
    "verdicts": {"errors", "model", "settings"},
    "reporting": {"errors", "model", "settings"},
    "commands": {
        "errors",
        "model",
        "settings",
        "selection",
        "formats",
        "analysis",
        "cluster",
        "verdicts",
        "reporting",
    },
    "cli": {"errors", "model", "commands"},
}


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    part = path.relative_to(SOURCE / "clusterdns").with_suffix("").parts[0]
    if part == "__init__":
        return
    names = imported(path)
    ours = {part_of(name) for name in names if name.startswith("clusterdns.")} - {part}
    assert ours <= MAY_IMPORT[part]
    assert not {name for name in names if name.split(".")[0] in ("fixtures", "tests", "lab")}


BORDER = {
    "clusterdns.analysis.capture": "*",
    "clusterdns.analysis.capture.plots": "plots",  # by itself: a capture is read without it, too
    "clusterdns.analysis.dnsmasq_log": "*",
    "clusterdns.analysis.coredns_log": "*",
    "clusterdns.analysis.compression": "*",
}


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for folder in ("src", "fixtures", "tests/conformance")
        for path in (SOURCE.parent / folder).rglob("*.py")
        if SOURCE / "clusterdns" / "analysis" not in path.parents
    ),
    ids=lambda path: str(path.relative_to(SOURCE.parent)),
)
def test_the_analysers_are_used_through_their_border(path: Path) -> None:
    for name in imported(path):
        if name.startswith("clusterdns.analysis."):
            module, _, thing = name.rpartition(".")
            assert BORDER.get(module) in ("*", thing), name
            public = getattr(importlib.import_module(module), "__all__", [thing])
            assert thing in public, name


def test_only_the_cluster_package_talks_to_kubernetes() -> None:
    users = {
        path.relative_to(SOURCE / "clusterdns").parts[0]
        for path in SOURCE.rglob("*.py")
        if any(name.split(".")[0] in ("kubernetes", "urllib3", "websocket") for name in imported(path))
    }
    assert users <= {"cluster"}


@pytest.mark.parametrize(
    "path", sorted((SOURCE / "clusterdns" / "probing" / "agent").glob("*.py")), ids=lambda path: path.name
)
def test_the_agent_needs_nothing_but_python(path: Path) -> None:
    assert not {name for name in imported(path) if name.startswith("clusterdns")}
