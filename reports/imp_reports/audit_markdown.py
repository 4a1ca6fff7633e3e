"""An audit as a comment under a pull request: the verdict, what is new, and the rest folded."""

import shlex
from collections.abc import Sequence

from imp_graphcheck.record.audit import Audit, AuditSite
from imp_reports.audit_groups import grouped
from imp_reports.audit_words import (
    FATE_TITLES,
    LONG,
    UNKNOWN,
    called,
    cause,
    chain,
    conditions,
    is_compared,
    phases,
    scope,
    shortened,
    shown_sites,
    summary,
    title,
)
from imp_reports.markup import code, safe, table_of
from imp_reports.text import MAX_ROWS, NOT_MEASURED, count

LARGEST = 60_000
"""Characters. GitHub takes a comment of 65,536."""

_MAX_NOTES = 10


def audit_markdown(audit: Audit) -> str:
    """The comment, as long as it may be: tables become shorter until it fits."""
    for rows in (MAX_ROWS, MAX_ROWS // 2, MAX_ROWS // 4, 1):
        page = _page(audit, rows)
        if len(page) <= LARGEST:
            return page
    return _page(audit, 0)


def _page(audit: Audit, rows: int) -> str:
    wrong = [site for site in shown_sites(audit) if site.severity is not None]
    new, known = [site for site in wrong if site.is_new], [site for site in wrong if not site.is_new]
    parts = [f"### {title(audit).capitalize()}: {_text(summary(audit), 4 * LONG)}", _cause(audit)]
    if new:
        parts.append(_table(new, rows))
    parts.append(_folded("What each means, and what to do", _meanings(new, rows)))
    parts.append(_folded(f"{count(len(known), 'known site')}", _table(known, rows) if known else ""))
    parts.append(_folded("scope and command", _origin(audit)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _cause(audit: Audit) -> str:
    worst = cause(audit)
    lines = [_text(worst.sentence, 4 * LONG)] if worst.sentence else []
    lines += ["", f"- do: {_text(worst.remedy, 2 * LONG)}"] if worst.remedy else []
    lines += [f"- the program saw: {_text(worst.hidden_by, 4 * LONG)}"] if worst.hidden_by else []
    return "\n".join(lines)


def _table(sites: Sequence[AuditSite], rows: int) -> str:
    seen = any(site.count is not None for site in sites)
    header = ("site", "call", "class", *(("count", "phase") if seen else ()), "verdict", "when", "rule")
    cells = [
        (
            _site(site),
            code(shortened(site.api, LONG)),
            site.kind,
            *((_count(site), safe(phases(site))) if seen else ()),
            site.fate,
            _text("; ".join(conditions(site)), LONG),
            safe(site.code or ""),
        )
        for site in sites[:rows]
    ]
    more = f"\n\nand {count(len(sites) - len(cells), 'site')} more" if len(sites) > len(cells) else ""
    return (table_of(header, cells) if cells else "") + more


def _site(site: AuditSite) -> str:
    inside = "" if site.function in ("", UNKNOWN) else f" {_cell(called(site.function))}"
    return f"{_cell(shortened(site.place, LONG))}{inside}"


def _cell(text: str) -> str:
    """A code span in a table: only there a pipe ends the cell, and only there a backslash before it is taken away."""
    return code(text).replace("|", "\\|")


def _count(site: AuditSite) -> str:
    return NOT_MEASURED if site.count is None else str(site.count)


def _meanings(sites: Sequence[AuditSite], rows: int) -> str:
    """Each reason once, and the way from the entry for the first sites."""
    lines = []
    for group in list(grouped(sites))[:MAX_ROWS]:
        rule = f"**{safe(group.code)}** " if group.code else ""
        lines.append(f"- {rule}{FATE_TITLES[group.fate]}: {_text(group.reason, 4 * LONG)}")
        lines += [f"  - {_text(group.refused, 2 * LONG)}"] if group.refused else []
        lines += [f"  - do: {_text(group.remedy, 2 * LONG)}"] if group.remedy else []
    chains = [site for site in sites[:rows] if site.chain]
    lines += [""] if chains else []
    lines += [
        f"- {code(shortened(site.place, LONG))}: {_text(chain(site), 4 * LONG)} &gt; {safe(shortened(site.api, LONG))}"
        for site in chains
    ]
    return "\n".join(lines)


def _origin(audit: Audit) -> str:
    told = [scope(audit)] if scope(audit) else []
    compared = f"compared with {audit.baseline}" if audit.baseline else "compared with a baseline"
    told += [compared] if is_compared(audit) else []
    if audit.source is not None and audit.source.opaque:
        told.append(f"{count(len(audit.source.opaque), 'place')} of the source could not be parsed")
    if audit.source is not None and audit.source.unknown_calls:
        told.append(
            f"{count(len(audit.source.unknown_calls), 'call')} through pointers could not be followed"
        )
    told += audit.notes[:_MAX_NOTES]
    lines = [f"- {_text(line, 4 * LONG)}" for line in told]
    command = code(shortened(shlex.join(audit.command), 8 * LONG))
    lines.append(
        f"\n{command} (imp-graphcheck {safe(audit.tool_version)}, {safe(shortened(audit.id, LONG))})"
    )
    return "\n".join(lines)


def _folded(summary_: str, body: str) -> str:
    return f"<details><summary>{summary_}</summary>\n\n{body}\n\n</details>" if body else ""


def _text(text: str, longest: int) -> str:
    return safe(shortened(text, longest))
