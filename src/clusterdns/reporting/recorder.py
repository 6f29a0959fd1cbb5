"""A run's record: what became of each case, and the reports that are made of it."""

import contextlib
import os
import re
import shutil
import time
import uuid
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from clusterdns.catalogue import expand
from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run as MeasuredRun
from clusterdns.model.outcome import ExitCode, Outcome, Verdict, exit_code
from clusterdns.reporting.compare import Comparison, compare
from clusterdns.reporting.html import html
from clusterdns.reporting.junit import junit_xml
from clusterdns.reporting.markdown import markdown
from clusterdns.reporting.results import check_result
from clusterdns.reporting.schema import Cause, CheckResult, Report, Run, StandIn
from clusterdns.settings import Settings
from clusterdns.verdicts.cause import Complaint, Findings
from clusterdns.verdicts.causes import causes, findings

REPORT = "report.json"
PAGE = "report.html"
JUNIT = "junit.xml"
ARTIFACTS = "artifacts"


@dataclass
class CaseRecord:
    """What has become of a case while it runs."""

    case: SelectedCase
    artifacts: Path  # the run's
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    reasons: list[str] = field(default_factory=list)
    machine_busy: bool = False  # which is why it could not be measured
    duration: float = 0.0

    @property
    def folder(self) -> Path:
        """Its artifacts; made when first asked for."""
        return self.artifacts / re.sub(r"[^\w.=-]+", "_", self.case.name).rstrip("_")

    def take(self, outcome: Outcome, reason: str) -> None:
        """Take in the outcome of a phase: set-up, body or tear-down."""
        self.reasons.append(reason)
        if self.outcome is not Outcome.FAILED:  # what was measured stands, whatever goes wrong later
            self.outcome = outcome


@dataclass
class Recorder:
    """What a run has found out so far."""

    settings: Settings
    baseline: Report | None = None  # that the run must not be worse than
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)
    cluster: dict[str, object] = field(default_factory=dict)
    stand_ins: list[StandIn] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)  # node -> why
    results: list[CheckResult] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    too_busy: dict[str, str] = field(default_factory=dict)  # case that was not measured for it -> the reason
    findings: Findings = field(default_factory=Findings)
    report: Report | None = None
    comparison: Comparison | None = None
    unwritten: str = ""  # why there are no reports

    def begin(self, case: SelectedCase) -> CaseRecord:
        """Return a case that is about to run, with nothing left of an earlier run's artifacts."""
        record = CaseRecord(case, self.settings.report_dir / ARTIFACTS)
        shutil.rmtree(record.folder, ignore_errors=True)
        return record

    def describe(self, run: MeasuredRun) -> None:
        """Take in what a run has learnt of the cluster: every report says it."""
        if MeasuredRun.topology.is_measured(run):
            self.cluster["dns"] = [str(layer) for layer in run.topology.layers]
        if MeasuredRun.node_choice.is_measured(run):
            choice = run.node_choice
            self.cluster["probed nodes"] = f"{len(choice.nodes)} of {choice.usable} usable ones"
            self.not_measured |= choice.left_out
        if MeasuredRun.probes.is_measured(run):
            lost = {node: f"lost in mid-run: {reason}" for node, reason in run.probes.lost.items()}
            self.not_measured |= {**run.probes.not_measured, **lost}
        if self.not_measured:
            self.cluster["nodes not measured"] = [
                f"{node}: {reason}" for node, reason in sorted(self.not_measured.items())
            ]
        if MeasuredRun.dns_profile.is_measured(run):
            self.cluster["documented deviations"] = [str(known) for known in run.dns_profile.deviations()]
        self.findings = findings(run)

    def prepare(self) -> None:
        """Make the folders, and remove an earlier run's reports: nobody shall take them for this one's.

        Raises:
            OSError: they cannot be written to.
        """
        folder = self.settings.report_dir
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)  # what is told of a cluster is its owner's
        (folder / ARTIFACTS).mkdir(mode=0o700, exist_ok=True)
        for name in (REPORT, PAGE, JUNIT):
            (folder / name).unlink(missing_ok=True)
        own = self.settings.markdown
        if own is not None:
            if own.exists() and not own.is_file():  # a device, a pipe: it would be replaced
                raise OSError(f"{own} is no file")
            own.parent.mkdir(parents=True, exist_ok=True)
            own.unlink(missing_ok=True)

    def close(self, record: CaseRecord) -> None:
        """Turn a case that has ended into its result."""
        outcome, reasons = record.outcome or Outcome.ERROR, record.reasons or ["the check did not run"]
        if outcome is Outcome.SKIPPED and record.case.check.id in expand(self.settings.require):
            outcome, reasons = Outcome.FAILED, [f"required, but skipped: {reasons[0]}"]
        if outcome in (Outcome.PASSED, Outcome.SKIPPED) and record.folder.exists():
            shutil.rmtree(record.folder)
        if outcome is Outcome.FAILED and record.verdict is not None:
            self.complaints.append(Complaint(record.case, record.verdict))
        if outcome is Outcome.ERROR and record.machine_busy:
            self.too_busy[record.case.name] = reasons[0]
        files = sorted(path for path in record.folder.rglob("*") if path.is_file())
        self.results.append(
            check_result(
                record.case,
                outcome,
                verdict=record.verdict,
                reasons=reasons,
                duration=record.duration,
                artifacts=[str(path.relative_to(self.settings.report_dir)) for path in files],
            )
        )

    def write(self, status: int) -> ExitCode:
        """Write the reports of a run that pytest ended with `status`; return the exit code."""
        if status in (ExitCode.INTERRUPTED, ExitCode.INTERNAL):
            code = ExitCode(status)
        else:
            code = exit_code(
                [(result.id, result.outcome) for result in self.results],
                strict=self.settings.strict,
                require=expand(self.settings.require),
            )
        found = replace(self.findings, complaints=self.complaints, too_busy=self.too_busy)
        self.report = Report(
            run=Run(
                id=self.run_id,
                started=self.started,
                duration=round(time.monotonic() - self.clock, 3),
                profile=self.settings.profile,
                exit_code=code,
                left_behind=tuple(self.left_behind),
            ),
            cluster=self.cluster,
            settings=self.settings.model_dump(mode="json"),
            stand_ins=tuple(self.stand_ins),
            causes=tuple(Cause(**asdict(cause)) for cause in causes(found)),
            checks=tuple(self.results),
        )
        if self.baseline is not None:
            code = self._compared(self.baseline, self.report)
            self.report = self.report.model_copy(
                update={"run": self.report.run.model_copy(update={"exit_code": code})}
            )
        folder = self.settings.report_dir
        with contextlib.suppress(OSError):
            (folder / ARTIFACTS).rmdir()  # nothing to explain
        text = markdown(self.report, self.comparison)
        for path, content in (
            (folder / REPORT, self.report.json_text().encode()),
            (folder / JUNIT, junit_xml(self.report)),
            (folder / PAGE, html(self.report).encode()),
            (self.settings.markdown, text.encode()),
        ):
            if path is not None:
                write_whole(path, content)
        step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if step_summary:
            with Path(step_summary).open("a", encoding="utf-8") as file:  # other steps write there too
                file.write(text)
        return code

    def _compared(self, baseline: Report, report: Report) -> ExitCode:
        """Compare the report with the baseline; return the exit code of both together.

        A run that failed by itself has failed, also where the baseline did.
        """
        self.comparison = compare(
            baseline, report, ratio=self.settings.compare_ratio, floor_ms=self.settings.compare_floor
        )
        own, compared = report.run.exit_code, self.comparison.exit_code()
        overruled = own is ExitCode.OK or (own is ExitCode.NOT_MEASURABLE and compared is ExitCode.FAILED)
        return compared if overruled else own

    def give_up(self, problem: str, code: ExitCode) -> ExitCode:
        """Take in why there are no reports; return the exit code: that the cluster failed stays true."""
        if self.report is not None and self.report.run.exit_code is ExitCode.FAILED:
            code = ExitCode.FAILED
        self.unwritten = f"clusterdns: {problem}; exit code {code}"
        return code


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; only its owner may read it.

    Raises:
        OSError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - Path.open takes no mode
            file.write(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
