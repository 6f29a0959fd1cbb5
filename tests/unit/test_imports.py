"""Imports follow the data: target -> observations -> measurements -> verdict -> report."""

import ast
import graphlib
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# What each part of the package may import of it, itself aside.
_PURE = {"errors", "model"}
_API = {*_PURE, "files", "formats", "parallel", "signals", "cluster"}
_MEASURED = {*_API, "analysis", "probing", "settings", "suite", "measuring"}
_DECLARED = {*_MEASURED, "check"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "files": set(),
    "parallel": set(),
    "printable": set(),
    "signals": set(),
    "starting": {"signals"},
    "defects": set(),
    "suite": set(),
    "model": set(),
    "settings": _PURE,
    "formats": _PURE,
    "analysis": {*_PURE, "files", "reporting"},
    "cluster": _API,
    "probing": _API,
    "measuring": _MEASURED - {"measuring"} | {"probing"},
    "check": {"cluster", "measuring", "model", "settings"},
    "beforehand": {"check", "errors", "measuring"},
    "verdicts": _DECLARED,
    "catalogue": {"check", "verdicts"},
    "selection": {"catalogue", "check", "errors", "model", "settings"},
    "reporting": {"catalogue", "check", "errors", "files", "measuring", "model", "settings", "verdicts"},
    "flags": {"settings"},
    "commands": {*_DECLARED, "catalogue", "defects", "printable", "reporting", "selection"},
    "ending": {*_PURE, "defects", "reporting"},
    "cli": {"commands", "ending", "errors", "signals", "starting"},
}
# What the folders beside the package may import of the project.
BESIDE = {
    "fixtures": {"clusterdns", "fixtures"},
    "lab": {"lab"},  # the embedded cluster knows nothing of the suite
    "bench": {"bench", "clusterdns", "lab", "tests"},
}


ALLOWED_TWICE = {"cluster"}  # unit tests stand a little API server in for the cluster under test


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


@pytest.mark.parametrize("folder", BESIDE)
def test_what_lies_beside_the_package_keeps_to_its_own(folder: str) -> None:
    ours = {"bench", "clusterdns", "fixtures", "lab", "tests"}
    for path in (SOURCE.parent / folder).rglob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots & ours <= BESIDE[folder], path


def test_no_imports_run_in_a_circle() -> None:
    modules = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
        if "agent" not in path.parts
    }
    agent = {path.stem: path for path in (SOURCE / "clusterdns" / "probing" / "agent").glob("*.py")}
    for known in (modules, agent):
        needed = {
            module: {
                name
                for imported_name in imported(path)
                for name in [imported_name if imported_name in known else imported_name.rpartition(".")[0]]
                if name in known and name != module
            }
            for module, path in known.items()
        }
        graphlib.TopologicalSorter(needed).prepare()  # raises CycleError


def test_no_fixture_is_defined_twice() -> None:
    root = SOURCE.parent
    plugins = [root / "conftest.py", *(root / "fixtures").glob("*.py")]
    for conftest in (None, *(root / "tests").rglob("conftest.py")):
        names: list[str] = []
        for path in [*plugins, *([conftest] if conftest else [])]:
            names += [
                node.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.FunctionDef)
                and any("fixture" in ast.dump(d) for d in node.decorator_list)
            ]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice - ALLOWED_TWICE, (conftest, twice)
