"""report.json as JUnit XML, for CI systems.

Our own writer, since pytest's puts an error in a test's body down as a failure, and
continuous integration must tell "the cluster is wrong" from "we could not measure".
Source of the format: the JUnit XSD of the Jenkins xUnit plugin (junit-10.xsd), and
docs.gitlab.com/ci/testing/unit_test_reports, which reads a test case's file besides.
"""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import clusterdns
from clusterdns.catalogue import CATALOGUE
from clusterdns.model.outcome import Outcome
from clusterdns.reporting.schema import CheckResult, Report

SUITE = "cluster-dns-conformance"

_ATTACHMENT = "[[ATTACHMENT|"

_PACKAGES = Path(clusterdns.__file__).parents[1]


def junit_xml(report: Report) -> bytes:
    """Return the report as the bytes of junit.xml."""
    count = Counter(check.outcome for check in report.checks)
    totals = {
        "name": SUITE,
        "tests": str(len(report.checks)),
        "failures": str(count[Outcome.FAILED]),
        "errors": str(count[Outcome.ERROR]),
        "time": f"{report.run.duration:.3f}",
    }
    suites = ET.Element("testsuites", totals)
    of_one = {"skipped": str(count[Outcome.SKIPPED]), "timestamp": report.run.started.isoformat()}
    suite = ET.SubElement(suites, "testsuite", totals | of_one)
    facts: dict[str, object] = {f"cluster.{name}": value for name, value in report.cluster.items()}
    facts |= {f"stand-in.{stand_in.pod}": stand_in.stands_in_for for stand_in in report.stand_ins}
    facts |= {f"cause.{n}.{cause.id}": cause.sentence for n, cause in enumerate(report.causes, 1)}
    run = report.run
    facts |= {"run.id": run.id, "run.profile": run.profile, "run.exit_code": run.exit_code.value}
    _properties(suite, facts)
    for check in report.checks:
        _testcase(suite, check, str(report.settings.get("report_dir", "")))
    ET.indent(suites)
    xml: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _testcase(suite: ET.Element, check: CheckResult, folder: str) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": f"{SUITE}.{check.area}",
            "name": check.name,
            "time": f"{check.duration:.3f}",
            **_declared_at(check.id),
        },
    )
    match check.outcome:
        case Outcome.SKIPPED:
            ET.SubElement(case, "skipped", message=check.reason)
        case Outcome.ERROR:
            ET.SubElement(case, "error", message=check.reason, type="HarnessError").text = _details(check)
        case Outcome.FAILED:
            ET.SubElement(case, "failure", message=check.reason, type="Verdict").text = _details(check)
        case Outcome.WARNED:
            ET.SubElement(case, "system-out").text = f"warning: {_details(check)}"
    if check.artifacts:
        # As Jenkins' JUnit Attachments plugin and GitLab read it: a line each, from the workspace on.
        attached = "\n".join(f"{_ATTACHMENT}{PurePosixPath(folder, name)}]]" for name in check.artifacts)
        said = case.find("system-out")
        if said is None:
            said = ET.SubElement(case, "system-out")
        said.text = f"{said.text}\n{attached}" if said.text else attached


def _declared_at(id_: str) -> dict[str, str]:
    """Return file and line of what judges a check, as attributes; none for a check that is not ours."""
    check = CATALOGUE.get(id_)
    if check is None:
        return {}
    judge: Callable[..., object] = check.cases if callable(check.cases) else check.cases[0].judge
    while isinstance(judge, partial):
        judge = judge.func
    code = getattr(judge, "__code__", None)
    if code is None:
        return {}
    path = Path(code.co_filename).relative_to(_PACKAGES)
    return {"file": path.as_posix(), "line": str(code.co_firstlineno)}


def _details(check: CheckResult) -> str:
    """Return all that is known of a complaint, one matter per line; none of it attaches a file."""
    lines = [check.reason]
    lines += [f"remedy: {check.remedy}"] if check.remedy else []
    lines += [f"required: {check.requirement}"]
    lines += [f"source: {check.source}"] if check.source else []
    lines += [f"{name}: {json.dumps(value)}" for name, value in check.measurements.items()]
    lines += check.evidence
    return "\n".join(lines).replace(_ATTACHMENT, "[ [ATTACHMENT|")


def _properties(parent: ET.Element, properties: Mapping[str, object]) -> None:
    holder = ET.SubElement(parent, "properties")
    for name, value in properties.items():
        text = value if isinstance(value, str) else json.dumps(value)
        ET.SubElement(holder, "property", name=name, value=text)
