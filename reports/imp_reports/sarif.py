"""Findings as SARIF 2.1.0, for code scanning.

Each finding is a result at the line that has to change, with a code flow from the allocation over the free to the
launch. Fingerprints leave line numbers out, so that an alert survives edits above it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_reports.headline import by_severity
from imp_reports.rule_text import Rules
from imp_reports.sarif_document import Json, Level, artifact, document, flow, invocation, location, rule
from imp_reports.sites import sites_of
from imp_reports.text import visible

FINGERPRINT = "graphcheckFinding/v1"


def sarif(run: Run, *, rules: Rules, roots: Sequence[Path]) -> bytes:
    """The document. Paths below one of `roots` are written relative to it."""
    codes = list(dict.fromkeys(finding.code for finding in run.findings))
    seen: Counter[str] = Counter()
    results = [
        _result(finding, codes.index(finding.code), seen, roots) for finding in by_severity(run.findings)
    ]
    return document(
        version=run.tool_version,
        category=f"imp-graphcheck/{visible(run.target.name)}/{run.id}",
        rules=[rule(code, rules) for code in codes],
        invocation=_invocation(run),
        results=results,
    )


def _invocation(run: Run) -> Json:
    ended = run.verdict in ("clean", "inspected", "findings", "inconclusive")
    told = run.verdict not in ("clean", "inspected", "findings")
    text = f"{run.verdict}: {run.verdict_reason or 'no reason is recorded'}"
    level: Level = "warning" if run.verdict == "inconclusive" else "error"
    return invocation(run.command, ended=ended, notifications=[(level, text)] if told else [])


def _result(finding: Finding, rule_index: int, seen: Counter[str], roots: Sequence[Path]) -> Json:
    sites = sites_of(finding)
    result: Json = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": finding.severity,
        "message": {"text": _message(finding)},
        "locations": [_main_location(finding, sites, roots)],
        "partialFingerprints": {FINGERPRINT: _fingerprint(finding, seen, roots)},
        "properties": {
            "confidence": finding.confidence,
            **{
                name: visible(value) if isinstance(value, str) else value
                for name in ("graph", "node", "kernel", "argument")
                if (value := getattr(finding, name)) is not None
            },
        },
    }
    if len(sites) > 1:
        result["codeFlows"] = flow([_location(word, site, roots) for word, site in sites])
    return result


def _message(finding: Finding) -> str:
    parts = [finding.message.rstrip(".")]
    parts += [f"To do: {finding.remedy.rstrip('.')}"] if finding.remedy else []
    parts += [f"Then: {consequence.rstrip('.')}" for consequence in finding.consequences]
    return visible(". ".join(parts) + ".")


def _main_location(finding: Finding, sites: Sequence[tuple[str, Site]], roots: Sequence[Path]) -> Json:
    if sites:
        return _location(*sites[0], roots)
    name = visible(finding.graph or "the program")
    return {"logicalLocations": [{"fullyQualifiedName": name, "kind": "module"}]}


def _location(word: str, site: Site, roots: Sequence[Path]) -> Json:
    return location(
        site.file, max(1, site.line), site.function, f"{word} in {visible(site.function)}()", roots
    )


def _fingerprint(finding: Finding, seen: Counter[str], roots: Sequence[Path]) -> str:
    """Findings that are alike in all that lasts are numbered."""
    places = [
        f"{_uri(site, roots)}:{site.function}" if site is not None else "-"
        for site in (finding.allocation_site, finding.free_site, finding.launch_site)
    ]
    lasting = json.dumps([finding.code, finding.graph, finding.kernel, finding.argument, *places])
    digest = hashlib.sha256(lasting.encode()).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"


def _uri(site: Site, roots: Sequence[Path]) -> str:
    place = artifact(site.file, roots)
    return site.file if place is None else str(place["uri"])
