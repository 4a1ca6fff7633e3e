"""A run as JUnit XML, for the test view of a CI: one case per compared call, one per finding, and one for the verdict.

The verdict has a case of its own, because a run that was interrupted, or proved nothing, must not be all green.
"""

from xml.etree import ElementTree as Xml

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import CallComparison, Run, Verdict
from imp_reports.fold import AGREEING
from imp_reports.headline import by_severity, cause, summary
from imp_reports.sites import sites_of
from imp_reports.text import number, place, visible

_VERDICT_OUTCOME: dict[Verdict, str | None] = {
    "clean": None,
    "inspected": None,
    "findings": "failure",
    "inconclusive": "skipped",
    "failed": "error",
    "interrupted": "error",
    "running": "error",
}

_COUNTS = {"tests": None, "failures": "failure", "errors": "error", "skipped": "skipped"}
"""What a suite counts, and the element that makes a case count."""


def junit(run: Run) -> bytes:
    """The document."""
    suites = Xml.Element("testsuites", name=f"imp-graphcheck {visible(run.target.name)}")
    _suite(suites, run, "verdict", [_verdict_case(run)])
    _suite(suites, run, "calls", [_call_case(run, call) for call in run.calls])
    _suite(suites, run, "findings", [_finding_case(finding) for finding in by_severity(run.findings)])
    for name in _COUNTS:
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    Xml.indent(suites)
    document: bytes = Xml.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(suites: Xml.Element, run: Run, name: str, cases: list[Xml.Element]) -> None:
    counts = {
        outcome: str(sum(tag is None or case.find(tag) is not None for case in cases))
        for outcome, tag in _COUNTS.items()
    }
    about = {"name": name, "timestamp": visible(run.started_at)}
    suite = Xml.SubElement(suites, "testsuite", {**about, **counts})
    suite.extend(cases)


def _case(classname: str, name: str) -> Xml.Element:
    return Xml.Element("testcase", classname=visible(classname), name=visible(name))


def _outcome(case: Xml.Element, tag: str, message: str, text: str = "") -> Xml.Element:
    child = Xml.SubElement(case, tag, message=visible(message))
    child.text = "\n".join(visible(line) for line in text.splitlines()) or None
    return case


def _verdict_case(run: Run) -> Xml.Element:
    seconds = sum(stage.seconds for stage in run.stages)
    case = _case("verdict", f"{run.target.name} on {run.target.device}")
    case.set("time", f"{seconds:.3f}")
    outcome = _VERDICT_OUTCOME[run.verdict]
    if outcome is None:
        return case
    return _outcome(
        case, outcome, f"{run.verdict}: {run.verdict_reason}", "\n".join(map(visible, _first_lines(run)))
    )


def _first_lines(run: Run) -> tuple[str, ...]:
    """What a terminal shows first: the verdict, its cause, and what to do."""
    verdict = f"{run.verdict.upper()}  {summary(run)}"
    if not run.findings:
        return tuple(filter(None, (verdict, run.verdict_reason)))
    worst = by_severity(run.findings)[0]
    do = (f"do: {worst.remedy}",) if worst.remedy else ()
    return (verdict, f"{worst.code} {worst.severity} {worst.confidence}  {cause(worst)}", *do)


def _call_case(run: Run, call: CallComparison) -> Xml.Element:
    name = f"request {call.request} call {call.call} pass {call.sweep}: {call.label}"
    case = _case(f"calls.{call.key}", name)
    if call.agreement in AGREEING:
        return case
    said = "output not written" if call.output_written is False else call.layouts or call.agreement
    details = (
        f"max|d| {number(call.max_abs_delta)}, noise {number(call.noise_max_abs_delta)}, "
        f"KLD {number(call.kld)}, NaN {call.nan_count}, inf {call.inf_count}"
    )
    return _outcome(case, "failure", said, details)


def _finding_case(finding: Finding) -> Xml.Element:
    where = finding.allocation_site or finding.launch_site
    name = " ".join(
        filter(
            None, (finding.code, finding.kernel, finding.argument, None if where is None else place(where))
        )
    )
    case = _case(f"findings.{finding.code}", name)
    if where is not None:
        case.set("file", visible(where.file))
        case.set("line", str(where.line))
    text = "\n".join(
        [
            *([f"do: {finding.remedy}"] if finding.remedy else []),
            *(f"{word} {place(site)} {site.function}()" for word, site in sites_of(finding)),
            *(f"then {consequence}" for consequence in finding.consequences),
        ]
    )
    if finding.severity == "error":
        return _outcome(case, "failure", f"{finding.confidence}: {cause(finding)}", text)
    said = Xml.SubElement(case, "system-out")
    said.text = "\n".join(
        visible(line) for line in (f"{finding.severity}: {cause(finding)}", *text.splitlines())
    )
    return case
