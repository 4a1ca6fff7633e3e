"""Findings as SARIF 2.1.0, for code scanning.

Each finding is a result at the line that has to change, with a code flow from the allocation over the free to the
launch. Fingerprints leave line numbers out, so that an alert survives edits above it.
"""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_reports.headline import by_severity
from imp_reports.rule_text import Rules
from imp_reports.sites import sites_of
from imp_reports.text import visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BASE = "%SRCROOT%"
FINGERPRINT = "graphcheckFinding/v1"

Json = dict[str, Any]


def sarif(run: Run, *, rules: Rules, roots: Sequence[Path]) -> bytes:
    """The document. Paths below one of `roots` are written relative to it."""
    codes = list(dict.fromkeys(finding.code for finding in run.findings))
    seen: Counter[str] = Counter()
    results = [
        _result(finding, codes.index(finding.code), seen, roots) for finding in by_severity(run.findings)
    ]
    driver = {
        "name": "imp-graphcheck",
        "version": run.tool_version,
        "rules": [_rule(code, rules) for code in codes],
    }
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": f"imp-graphcheck/{visible(run.target.name)}/{run.id}"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {BASE: {"description": {"text": "the root of the checked sources"}}},
                "invocations": [_invocation(run)],
                "results": results,
            }
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _rule(code: str, rules: Rules) -> Json:
    rule = rules.get(code)
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": f"{rule.meaning} To do: {rule.remedy}."},
    }


def _invocation(run: Run) -> Json:
    """A run that proved nothing, or did not end, must not look like one that found nothing."""
    ended = run.verdict in ("clean", "inspected", "findings", "inconclusive")
    invocation: Json = {"commandLine": visible(shlex.join(run.command)), "executionSuccessful": ended}
    if run.verdict not in ("clean", "inspected", "findings"):
        text = f"{run.verdict}: {run.verdict_reason or 'no reason is recorded'}"
        level = "warning" if run.verdict == "inconclusive" else "error"
        invocation["toolExecutionNotifications"] = [{"level": level, "message": {"text": visible(text)}}]
    return invocation


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
        steps = [{"location": _location(word, site, roots)} for word, site in sites]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
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
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(site.file, roots),
            "region": {"startLine": max(1, site.line)},
        },
        "logicalLocations": [{"fullyQualifiedName": visible(site.function), "kind": "function"}],
        "message": {"text": f"{word} in {visible(site.function)}()"},
    }


def _artifact(file: str, roots: Sequence[Path]) -> Json:
    path = Path(file)
    if not path.is_absolute():
        return {"uri": quote(path.as_posix()), "uriBaseId": BASE}
    for root in roots:
        if path.is_relative_to(root):
            return {"uri": quote(path.relative_to(root).as_posix()), "uriBaseId": BASE}
    return {"uri": f"file://{quote(path.as_posix())}"}


def _fingerprint(finding: Finding, seen: Counter[str], roots: Sequence[Path]) -> str:
    """Findings that are alike in all that lasts are numbered."""
    places = [
        f"{_artifact(site.file, roots)['uri']}:{site.function}" if site is not None else "-"
        for site in (finding.allocation_site, finding.free_site, finding.launch_site)
    ]
    lasting = json.dumps([finding.code, finding.graph, finding.kernel, finding.argument, *places])
    digest = hashlib.sha256(lasting.encode()).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"
