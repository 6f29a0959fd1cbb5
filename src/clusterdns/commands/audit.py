"""`clusterdns audit`: the topology's verdicts without pytest, reading only."""

import argparse
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.preflight import preflight
from clusterdns.commands._target import Commands, add_target, target
from clusterdns.model.catalogue import CATALOGUE, Profile
from clusterdns.model.outcome import ExitCode, Outcome, Verdict, exit_code
from clusterdns.model.topology import Topology
from clusterdns.reporting.schema import CheckResult, Report, Run
from clusterdns.reporting.summary import MEANING
from clusterdns.reporting.text import printable
from clusterdns.selection import skip_reason
from clusterdns.settings import Settings, flag
from clusterdns.verdicts.audit import NEEDS, VERDICTS, features
from clusterdns.verdicts.topology import told_in_short

_LIMITS = ("peak_queries_per_node", "external_lookups_per_node", "upstream_quota")
_COLOUR = {
    Outcome.PASSED: "\033[32m",
    Outcome.WARNED: "\033[33m",
    Outcome.FAILED: "\033[31m",
    Outcome.SKIPPED: "\033[2m",
}
_PLAIN = "\033[0m"
_EVIDENCE = 20  # lines that are shown; --json has all


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser(
        "audit", help="say whether a cluster's DNS topology is safe; reads objects and makes nothing"
    )
    add_target(parser)
    for name in _LIMITS:
        field = Settings.model_fields[name]
        text = f"{field.description} (default: {field.default})"
        parser.add_argument(flag(name), default=None, metavar="NUMBER", help=text)
    parser.add_argument("--strict", action="store_true", default=None, help="a warning fails the audit")
    parser.add_argument("--json", action="store_true", help="print the report of a run (report.json) instead")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Audit a cluster and print what was found."""
    given = {
        name: getattr(options, name)
        for name in ("kubeconfig", "kube_context", "api_timeout", "strict", *_LIMITS)
        if getattr(options, name) is not None
    }
    settings = Settings.load({"cluster": "kubeconfig", "profile": Profile.AUDIT, **given}, os.environ)
    began, clock = datetime.now(UTC), time.monotonic()
    with target(options) as cluster:
        version = preflight(cluster, Profile.AUDIT)
        topology = read_topology(cluster)
    checks = tuple(_results(topology, settings))
    code = exit_code([(check.id, check.outcome) for check in checks], strict=settings.strict)
    report = Report(
        run=Run(
            id=uuid.uuid4().hex[:8],
            started=began,
            duration=round(time.monotonic() - clock, 3),
            profile=Profile.AUDIT,
            exit_code=code,
        ),
        cluster={"context": options.kube_context, "version": version, "kind": "kubeconfig"},
        settings=settings.model_dump(mode="json"),
        checks=checks,
    )
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = report.json_text() if options.json else _text(report, told_in_short(topology), coloured=coloured)
    sys.stdout.write(text)
    return code


def _results(topology: Topology, settings: Settings) -> Iterator[CheckResult]:
    there = features(topology)
    for check, judge in VERDICTS.items():
        absent = skip_reason(NEEDS.get(check, ()), there.__getitem__)
        verdict = judge(topology, settings) if absent is None else Verdict(outcome=Outcome.PASSED)
        yield CheckResult(
            id=check,
            case=None,
            outcome=verdict.outcome if absent is None else Outcome.SKIPPED,
            reason=verdict.reason if absent is None else absent,
            remedy=verdict.remedy,
            requirement=CATALOGUE[check].requirement,
            source=verdict.source,
            measurements=dict(verdict.measurements),
            evidence=verdict.evidence,
            duration=0,
        )


def _text(report: Report, facts: Sequence[str], *, coloured: bool) -> str:
    """Return the report for people: what is known, then every outcome with the evidence behind it."""
    lines = [printable(fact) for fact in facts]
    for check in report.checks:
        complaint = check.outcome in (Outcome.FAILED, Outcome.WARNED)
        word = f"{check.outcome.upper():8}"
        lines.append(f"{_COLOUR[check.outcome]}{word}{_PLAIN}{check.id}" if coloured else f"{word}{check.id}")
        said = [check.reason] if check.reason else []
        evidence = [line for line in check.evidence if line not in facts]
        said += evidence[:_EVIDENCE]
        if len(evidence) > _EVIDENCE:
            said.append(f"and {len(evidence) - _EVIDENCE} lines more: --json has them")
        said += [f"to do: {check.remedy}"] if check.remedy else []
        said += [f"source: {check.source}"] if complaint and check.source else []
        lines += [f"    {printable(line)}" for line in said]
    code = report.run.exit_code
    lines.append(f"{MEANING[code]} (exit code {code.value}, {report.run.duration:.1f} s)")
    return "\n".join(lines) + "\n"
