"""docs/specification.md against the catalogue: no clause without a check, no check without a clause."""

import re
from pathlib import Path

from clusterdns.catalogue import CATALOGUE

DOCUMENT = Path(__file__).parents[2] / "docs" / "specification.md"
# The clauses of the specification with something to hold a server to.
CLAUSES = {"2.1", "2.2", "2.3.1", "2.3.2", "2.3.3", "2.4.1", "2.4.2", "2.4.3", "2.5", "2.6", "3"}


def rows() -> list[tuple[str, set[str]]]:
    cells = [
        line.strip("|").split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")
    ]
    return [(clause.strip(), set(re.findall(r"`(records\.[a-z-]+)`", check))) for clause, _, check in cells]


def test_every_clause_has_a_check_that_there_is() -> None:
    for clause, checks in rows():
        if clause not in ("Clause", "3"):
            assert checks, clause
        assert checks <= set(CATALOGUE)
    assert {clause for clause, _ in rows()} >= CLAUSES


def test_a_check_names_the_clauses_that_it_holds() -> None:
    for clauses, checks in rows():
        for check in checks:
            for clause in clauses.split(", "):
                assert clause in CATALOGUE[check].source, check


def test_every_check_of_records_has_a_clause() -> None:
    named = set().union(*(checks for _, checks in rows()))
    assert named == {check for check in CATALOGUE if check.startswith("records.")}
