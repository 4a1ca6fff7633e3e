"""The sites of an audit as SARIF 2.1.0, so that they show on the lines of a pull request.

One result for each site that something is wrong with, the worst first: code hosts keep the first few thousand. The
fingerprints are those of the baseline, which leave line numbers out.
"""

from collections.abc import Sequence
from pathlib import Path

from imp_graphcheck.record.audit import Audit, AuditSite
from imp_graphcheck.record.baseline import fingerprints
from imp_graphcheck.record.finding import SEVERITIES, Severity
from imp_graphcheck.record.site import Frame
from imp_reports.audit_paths import AuditPaths
from imp_reports.audit_words import (
    CLASS_WORDS,
    FATE_TITLES,
    LONG,
    UNKNOWN,
    called,
    cause,
    conditions,
    is_compared,
    refusals_in_words,
    shortened,
    subject,
    where,
)
from imp_reports.rule_text import Rules
from imp_reports.sarif_document import Json, Level, artifact, document, flow, invocation, location, rule
from imp_reports.text import count, visible

FINGERPRINT = "graphcheckSite/v1"

MAX_RESULTS = 25_000
"""With more in one run GitHub refuses the document. It keeps 5,000 of them."""

MAX_STEPS = 100
"""Steps of one flow. GitHub refuses 10,000, shows 1,000, and nobody reads 100."""

_INDENTED = 1000
"""Results up to which the document is laid out for people. Uploads are limited to 10 MB, packed."""

_Notification = tuple[Level, str]
_Place = tuple[str, int, str]
"""File, line, function."""


def audit_sarif(audit: Audit, *, rules: Rules, roots: Sequence[Path]) -> bytes:
    """The document. Paths below one of `roots` are written relative to it."""
    paths, marks = AuditPaths(audit, roots), fingerprints(audit.sites)
    placed: list[tuple[AuditSite, str, _Place]] = []
    homeless: list[AuditSite] = []
    for position in _worst_first(audit):
        site = audit.sites[position]
        place = _place_of(site, paths, roots)
        if place is None:
            homeless.append(site)
        else:
            placed.append((site, marks[position], place))
    ids = list(dict.fromkeys(_rule_id(site) for site, _, _ in placed))
    results = [
        _result(site, mark, place, ids.index(_rule_id(site)), paths, roots)
        for site, mark, place in placed[:MAX_RESULTS]
    ]
    if is_compared(audit):
        for result, (site, _, _) in zip(results, placed, strict=False):
            result["baselineState"] = "new" if site.is_new else "unchanged"
    return document(
        version=audit.tool_version,
        category=f"imp-graphcheck/audit-syncs/{visible(subject(audit).strip('/'))}/{visible(audit.id)}",
        rules=[_rule(id_, rules, placed) for id_ in ids],
        invocation=invocation(
            audit.command,
            ended=audit.status == "complete",
            notifications=_notifications(audit, homeless, len(placed) - len(results)),
        ),
        results=results,
        indent=2 if len(results) <= _INDENTED else None,
    )


def _worst_first(audit: Audit) -> list[int]:
    """The places in the record of the sites that something is wrong with."""

    def order(position: int) -> tuple[bool, int, str, int]:
        site = audit.sites[position]
        return (not site.is_new, -_rank(site.severity), site.file, site.line)

    wrong = [position for position, site in enumerate(audit.sites) if site.severity is not None]
    return sorted(wrong, key=order)


def _rank(severity: Severity | None) -> int:
    return -1 if severity is None else SEVERITIES.index(severity)


def _rule_id(site: AuditSite) -> str:
    """A callback has no code in the catalogue: what it does is right, and has to be looked at."""
    return site.code or f"audit-syncs/{site.kind}"


def _rule(id_: str, rules: Rules, placed: Sequence[tuple[AuditSite, str, _Place]]) -> Json:
    if id_ in rules:
        return rule(id_, rules)
    # A code host shows what a rule says of itself beside each of its results.
    first = next(site for site, _, _ in placed if _rule_id(site) == id_)
    why = f"{FATE_TITLES[first.fate]}: {first.reason or first.api}."
    return {
        "id": id_,
        "shortDescription": {"text": f"{CLASS_WORDS[first.kind]} in the captured region"},
        "fullDescription": {"text": visible(why)},
        "help": {"text": visible(f"{why} To do: {first.remedy or 'look at the line'}.")},
    }


def _notifications(audit: Audit, homeless: Sequence[AuditSite], left_out: int) -> list[_Notification]:
    found: list[_Notification] = []
    if audit.status != "complete":
        reason = audit.status_reason or "no reason is recorded"
        found.append(("warning" if audit.status == "partial" else "error", f"{audit.status}: {reason}"))
    if audit.headline is not None:
        worst = cause(audit)
        seen = f"; the program saw: {worst.hidden_by}" if worst.hidden_by else ""
        found.append(("error", worst.sentence + seen))
    if left_out:
        found.append(
            ("warning", f"{count(left_out, 'site')} left out: {MAX_RESULTS} results fit into one run")
        )
    # A result must lie in a file, or the whole document is refused.
    found += [(_level(site), f"{where(site)}: {_message(site)}") for site in homeless[:MAX_STEPS]]
    if len(homeless) > MAX_STEPS:
        found.append(("warning", f"and {len(homeless) - MAX_STEPS} sites more of which no file is known"))
    return found


def _level(site: AuditSite) -> Level:
    return "error" if site.severity == "error" else "warning"


def _result(
    site: AuditSite,
    mark: str,
    place: _Place,
    rule_index: int,
    paths: AuditPaths,
    roots: Sequence[Path],
) -> Json:
    file, line, function = place
    result: Json = {
        "ruleId": _rule_id(site),
        "ruleIndex": rule_index,
        "level": _level(site),
        "message": {"text": visible(_message(site))},
        "locations": [location(file, line, function, "", roots)],
        "partialFingerprints": {FINGERPRINT: mark},
        "properties": _properties(site),
    }
    steps = _steps(site, paths, roots)
    if len(steps) > 1:
        result["codeFlows"] = flow(steps)
    return result


def _message(site: AuditSite) -> str:
    inside = f" in {called(site.function)}" if site.function not in ("", UNKNOWN) else ""
    why = "; ".join(filter(None, (site.reason, *conditions(site)))) or site.fate
    refused = refusals_in_words(site) if site.modes else ""
    parts = [
        f"{site.api} ({CLASS_WORDS[site.kind]}){inside}",
        f"{FATE_TITLES[site.fate]}: {why}",
        *([refused[:1].upper() + refused[1:]] if refused else []),
        *([f"To do: {site.remedy}"] if site.remedy else []),
    ]
    return ". ".join(part.rstrip(".") for part in parts) + "."


def _properties(site: AuditSite) -> Json:
    told = {
        "class": site.kind,
        "verdict": site.fate,
        "reachable": site.reachable,
        "guard": visible(site.guard),
        "host": site.host,
        "count": site.count,
        "bytes": site.bytes_total,
        "phases": dict(site.phases),
        "modes": {visible(mode): visible(error) for mode, error in site.modes.items()},
        "origins": list(site.origins),
    }
    return {name: value for name, value in told.items() if value not in (None, "", {}, [])}


def _place_of(site: AuditSite, paths: AuditPaths, roots: Sequence[Path]) -> _Place | None:
    """Where the result lies: the site, or the nearest that is known of the way to it."""
    own = (paths.of(site), site.line, site.function)
    above = [(frame.file, frame.line, frame.function) for frame in site.stack]
    above += [(paths.read(step.file), step.line, step.function) for step in reversed(site.chain)]
    return next((place for place in (own, *above) if artifact(place[0], roots) is not None), None)


def _steps(site: AuditSite, paths: AuditPaths, roots: Sequence[Path]) -> list[Json]:
    """From the entry to the call: the chain that was read, or the stack that was seen."""
    if site.chain:
        callers = ("", *(step.function for step in site.chain))
        known = [
            (paths.read(step.file), step.line, caller, f"calls {called(step.function)}")
            for caller, step in zip(callers, site.chain, strict=False)
        ]
        known.append((paths.of(site), site.line, site.function, f"calls {site.api}"))
    else:
        known = [
            (frame.file, frame.line, frame.function, f"in {called(frame.function)}") for frame in _above(site)
        ]
    # Each step needs a line, or there is nothing to go to.
    lying = [step for step in known if step[1] > 0 and artifact(step[0], roots) is not None]
    if len(lying) > MAX_STEPS:
        lying = [*lying[: MAX_STEPS // 2], *lying[-MAX_STEPS // 2 :]]
    return [
        location(file, line, shortened(function, 2 * LONG), message, roots)
        for file, line, function, message in lying
    ]


def _above(site: AuditSite) -> list[Frame]:
    """The stack from the outermost frame to the site. What lies beneath it is how a library does its work."""
    own = next(
        (
            depth
            for depth, frame in enumerate(site.stack)
            if (frame.file, frame.line) == (site.file, site.line)
        ),
        0,
    )
    return list(reversed(site.stack[own:]))
