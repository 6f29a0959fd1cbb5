"""report.json read back, of this schema version or an older one."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from clusterdns.errors import UsageError
from clusterdns.files import read_bounded
from clusterdns.reporting.schema import Report

_LARGEST = 256 << 20  # bytes: a report of 5,000 nodes has some 10 MiB
_DEEPEST = 50  # objects and lists within each other; a report has a dozen
_LARGEST_INTEGER = 1 << 64  # counters of a kernel have as many bits
_SCHEMA = re.compile(r"clusterdns\.report/v([1-9][0-9]{0,8})")
_TOO_DEEP = "nested deeper than any report"
_CURRENT: str = Report.model_fields["schema_"].default


def read_report(path: Path) -> Report:
    """Return the report in a file.

    Raises:
        UsageError: one line: it cannot be read, is cut off, is no report or of a newer schema, or has a case
            more than once.
    """
    try:
        text = read_bounded(path, _LARGEST).decode()
        document = json.loads(text, parse_int=_integer, parse_constant=_refused)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: {_TOO_DEEP}") from None
    except ValueError as error:
        raise UsageError(f"{path}: no JSON, or cut off: {error}") from None
    if _is_deep(document):
        raise UsageError(f"{path}: {_TOO_DEEP}")
    schema = document.get("schema") if isinstance(document, dict) else None
    version = _version(schema)
    if version is None:
        raise UsageError(f"{path}: no report.json of this suite: its schema is {schema!r}")
    if version > (_version(_CURRENT) or 0):
        raise UsageError(f"{path}: its schema {schema} is newer than {_CURRENT}: use a newer clusterdns")
    try:
        # Later versions have only added fields, each with a default.
        report = Report.model_validate({**document, "schema": _CURRENT})
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise UsageError(f"{path}: not as {schema} has it: {where}: {fault['msg']}") from None
    twice = [name for name, times in Counter(check.name for check in report.checks).items() if times > 1]
    if twice:
        raise UsageError(f"{path}: no report of one run: {twice[0]} is there more than once")
    return report


def _integer(digits: str) -> int:
    number = int(digits)
    if abs(number) > _LARGEST_INTEGER:
        raise ValueError(f"no report has a number of {len(digits)} digits")
    return number


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _is_deep(document: object) -> bool:
    """Return whether it is nested so deeply that what walks through it might not come to its end."""
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _version(schema: object) -> int | None:
    match = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    return int(match[1]) if match else None
