"""`clusterdns audit`: the checks that only read objects, without pytest."""

import argparse
import os
import sys
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from clusterdns import defects
from clusterdns.catalogue import CATALOGUE
from clusterdns.check import SelectedCase, cases_of
from clusterdns.cluster.preflight import preflight
from clusterdns.commands._arguments import Commands
from clusterdns.commands._target import add_target, settings_of, target
from clusterdns.commands._what_if import add_what_if, supposed
from clusterdns.errors import HarnessError
from clusterdns.measuring.run import Run, TopologyRun
from clusterdns.model.outcome import ExitCode, Outcome, exit_code
from clusterdns.model.profiles import Profile
from clusterdns.reporting import schema
from clusterdns.reporting.results import check_result
from clusterdns.reporting.schema import CheckResult, Report
from clusterdns.reporting.terminal import Line, exit_line, rendered, told
from clusterdns.reporting.text import printable
from clusterdns.settings import Settings, flag

_SETTINGS = {
    "zone": "DOMAIN",
    "peak_queries_per_node": "NUMBER",
    "external_lookups_per_node": "NUMBER",
    "upstream_quota": "NUMBER",
}
"""Settings that the command takes -> what stands for their value."""


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser(
        "audit", help="say whether a cluster's DNS topology is safe; reads objects and makes nothing"
    )
    add_target(parser)
    for name, metavar in _SETTINGS.items():
        field = Settings.model_fields[name]
        default = "read from the cluster" if field.default is None else field.default
        text = f"{field.description} (default: {default})"
        parser.add_argument(flag(name), default=None, metavar=metavar, help=text)
    add_what_if(parser)
    parser.add_argument("--strict", action="store_true", default=None, help="a warning fails the audit")
    parser.add_argument("--json", action="store_true", help="print the report of a run (report.json) instead")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Audit a cluster and print what was found."""
    settings = settings_of(options, _SETTINGS)
    began, clock = datetime.now(UTC), time.monotonic()
    cases = [case for case in cases_of(CATALOGUE.values(), settings) if case.profile is Profile.AUDIT]
    cluster = target(settings)
    told_before = preflight(cluster, [grant for case in cases for grant in case.grants])
    measured = Run(cluster, settings, foreign=True, missing=told_before.missing)
    assumptions: list[str] = []
    if options.what_if:
        topology, assumptions = supposed(measured.topology, options.what_if, told_before.version)
        measured = TopologyRun(cluster, settings, topology, missing=told_before.missing)
    results = audit(cases, measured)
    code = exit_code([(result.id, result.outcome) for result in results], strict=settings.strict)
    report = Report(
        run=schema.Run(
            id=measured.run_id,
            started=began,
            duration=round(time.monotonic() - clock, 3),
            profile=Profile.AUDIT,
            exit_code=code,
        ),
        cluster={
            "context": settings.kube_context,
            "version": told_before.version,
            "kind": "kubeconfig",
            **({"what_if": assumptions} if assumptions else {}),
        },
        settings=settings.model_dump(mode="json"),
        checks=tuple(results),
    )
    facts = measured.topology.in_short() if Run.topology.is_measured(measured) else ()
    lines: list[Line] = [(printable(line), None) for line in (*assumptions, *facts)]
    lines += [line for result in results for line in told([_without(result, facts)])]
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = rendered([*lines, exit_line(code)], coloured=coloured)
    sys.stdout.write(report.json_text() if options.json else text)
    return code


def audit(cases: Iterable[SelectedCase], measured: Run) -> list[CheckResult]:
    """Return what becomes of every case. What cannot be measured is an error of that case alone."""
    return [_judge(case, measured) for case in cases]


def _without(result: CheckResult, facts: Collection[str]) -> CheckResult:
    """Return a result without the evidence that the first lines tell already."""
    evidence = tuple(line for line in result.evidence if line not in facts)
    return result.model_copy(update={"evidence": evidence})


def _judge(case: SelectedCase, measured: Run) -> CheckResult:
    began = time.monotonic()
    try:
        absent = case.skip_reason(measured)
        if absent is not None:
            return check_result(case, Outcome.SKIPPED, reasons=[absent])
        verdict = case.case.judge(measured)
    except HarnessError as error:
        return check_result(case, Outcome.ERROR, reasons=[str(error)], duration=time.monotonic() - began)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no verdict
        reason = defects.told(error)
        return check_result(case, Outcome.ERROR, reasons=[reason], duration=time.monotonic() - began)
    return check_result(case, verdict.outcome, verdict=verdict, duration=time.monotonic() - began)
