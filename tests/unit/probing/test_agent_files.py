"""What holds for every file of the agent: it runs in images that nobody here has made."""

import ast
import sys
from pathlib import Path

import pytest

import clusterdns.probing

FILES = sorted((Path(clusterdns.probing.__file__).parent / "agent").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_syntax_is_that_of_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_the_standard_library_and_files_beside_it_are_imported(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").partition(".")[0])
    assert modules <= {*sys.stdlib_module_names, *(other.stem for other in FILES)}


def test_all_fit_into_a_configmap() -> None:
    assert sum(path.stat().st_size for path in FILES) < 1 << 20
