"""report.json read back, of this schema version or an older one."""

import json
import re
from pathlib import Path

from pydantic import ValidationError

from clusterdns.errors import UsageError
from clusterdns.files import read_bounded
from clusterdns.reporting.schema import Report

_LARGEST = 256 << 20  # bytes: a report of 5,000 nodes has some 10 MiB
_SCHEMA = re.compile(r"clusterdns\.report/v(\d+)")
_CURRENT: str = Report.model_fields["schema_"].default


def read_report(path: Path) -> Report:
    """Return the report in a file.

    Raises:
        UsageError: it cannot be read, is cut off, is no report, or is of a newer schema; one line.
    """
    try:
        document = json.loads(read_bounded(path, _LARGEST).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: nested deeper than any report") from None
    except ValueError as error:
        raise UsageError(f"{path}: no JSON, or cut off: {error}") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    version = _version(schema)
    if version is None:
        raise UsageError(f"{path}: no report.json of this suite: its schema is {schema!r}")
    if version > (_version(_CURRENT) or 0):
        raise UsageError(f"{path}: its schema {schema} is newer than {_CURRENT}: use a newer clusterdns")
    try:
        # Later versions have only added fields, each with a default.
        return Report.model_validate({**document, "schema": _CURRENT})
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise UsageError(f"{path}: not as {schema} has it: {where}: {fault['msg']}") from None


def _version(schema: object) -> int | None:
    match = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    return int(match[1]) if match else None
