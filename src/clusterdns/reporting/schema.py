"""The models of report.json, version 2; `report.v2.schema.json` beside this file is made from them.

Version 2 adds `causes`; a report of version 1 is read as one without.

`python -m clusterdns.reporting.schema` prints that JSON schema.
"""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.reporting.text import printable


def _plain(value: object) -> JsonValue:
    """Return `value` as JSON can hold it: strings printable, data classes as objects, the rest by `str`."""
    plain: JsonValue
    match value:
        case Enum():
            plain = _plain(value.value)
        case None | bool() | int():
            plain = value
        case float() if math.isfinite(value):
            plain = value
        case bytes():
            plain = printable(value.decode("utf-8", "surrogateescape"))
        case Mapping():
            plain = {printable(str(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            plain = [_plain(item) for item in value]
        case set() | frozenset():
            plain = [_plain(item) for item in sorted(value, key=str)]
        case _ if is_dataclass(value) and not isinstance(value, type):
            plain = _plain({part.name: getattr(value, part.name) for part in fields(value)})
        case _:
            plain = printable(str(value))
    return plain


def _facts(value: object) -> JsonValue:
    return {} if value is None else _plain(value)


def _text(value: object) -> str | None:
    return None if value is None else printable(str(value))


Text = Annotated[str, BeforeValidator(_text)]
Facts = Annotated[Mapping[str, object], BeforeValidator(_facts)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StandIn(_Model):
    """A container that stands in for a program that could not be had: its results are not that program's."""

    pod: Text = Field(description="namespace/name")
    stands_in_for: Text


class CheckResult(_Model):
    """One case of one check."""

    id: Text
    case: Text | None = Field(description="which of the check's cases; null where it has one only")
    outcome: Outcome
    reason: Text = Field(description="one line: what was found, or why not")
    remedy: Text = Field(default="", description="one line: what to do about it")
    requirement: Text = Field(description="what the check requires, in one sentence")
    source: Text = Field(default="", description="what requires it")
    measurements: Facts = Field(default={})
    evidence: tuple[Text, ...] = Field(default=(), description="lines that prove it")
    duration: float = Field(ge=0, description="seconds, set-up and tear-down included")
    artifacts: tuple[Text, ...] = Field(default=(), description="files, relative to the report's folder")

    @property
    def name(self) -> str:
        """The id, with the case in brackets where there is one."""
        return self.id if self.case is None else f"{self.id}[{self.case}]"

    @property
    def area(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]


class Cause(_Model):
    """What is broken, and what failed for it."""

    id: Text
    sentence: Text = Field(description="what is broken and where, in one sentence")
    explains: tuple[Text, ...] = Field(
        description="names of the checks that failed for it, or could not be measured, cases in brackets"
    )
    evidence: tuple[Text, ...] = Field(default=(), description="lines that prove it")
    remedy: Text = Field(description="what to do about it")
    source: Text = Field(description="where that is documented")


class Run(_Model):
    """The run itself."""

    id: Text
    started: datetime
    duration: float = Field(ge=0, description="seconds")
    profile: Text
    exit_code: ExitCode
    left_behind: tuple[Text, ...] = Field(default=(), description="what could not be removed")


class Report(_Model):
    """report.json."""

    schema_: Literal["clusterdns.report/v1", "clusterdns.report/v2"] = Field(
        default="clusterdns.report/v2", alias="schema"
    )
    run: Run
    cluster: Facts = Field(description="facts about the cluster")
    settings: Facts = Field(description="every setting of the run, defaults included")
    stand_ins: tuple[StandIn, ...] = ()
    causes: tuple[Cause, ...] = Field(default=(), description="what is broken, what explains most first")
    checks: tuple[CheckResult, ...]

    @property
    def unexplained(self) -> tuple[CheckResult, ...]:
        """The failures that no cause explains."""
        explained = {name for cause in self.causes for name in cause.explains}
        failed = (check for check in self.checks if check.outcome is Outcome.FAILED)
        return tuple(check for check in failed if check.name not in explained)

    @property
    def cleanup_command(self) -> str:
        """The command that removes what the run left behind."""
        file = self.settings.get("kubeconfig") or "KUBECONFIG"
        where = ["--kubeconfig", str(file), "--kube-context", str(self.cluster.get("context", "CONTEXT"))]
        return shlex.join(["clusterdns", "cleanup", "--run", self.run.id, *where])

    def json_text(self) -> str:
        """Return the report as the text of report.json."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def json_schema() -> str:
    """Return the JSON schema of the report as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Report.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")  # noqa: T201 - that is its job
