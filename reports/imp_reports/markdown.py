"""A run as a comment under a pull request: short, and safe to paste."""

import re
import shlex
from collections.abc import Sequence

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_reports.comparison import graph_names
from imp_reports.fold import differing
from imp_reports.headline import by_severity, summary
from imp_reports.text import MAX_ROWS, count, number, place, visible

_SPECIAL = re.compile(r"[\\`*_{}\[\]#!|~$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b"}
"""An empty character after @: a mention is looked for after entities are resolved, so an entity would not stop it."""


def markdown(run: Run) -> str:
    """The comment."""
    parts = [f"### {run.verdict.capitalize()}: {_safe(summary(run))}"]
    if run.verdict_reason and not run.findings:
        parts.append(_safe(run.verdict_reason))
    findings = by_severity(run.findings)
    parts += [_finding(finding) for finding in findings[:MAX_ROWS]]
    if len(findings) > MAX_ROWS:
        parts.append(f"and {count(len(findings) - MAX_ROWS, 'finding')} more")
    parts += [_calls(run)] if differing(run.calls) else []
    parts.append(_stages(run))
    return "\n\n".join(part for part in parts if part) + "\n"


def _finding(finding: Finding) -> str:
    lines = [
        f"**{finding.code}** {finding.severity}, {finding.confidence}: {_safe(finding.message)}",
        "",
    ]
    lines += [f"- do: {_safe(finding.remedy)}"] if finding.remedy else []
    sites = (
        ("allocated", finding.allocation_site),
        ("freed", finding.free_site),
        ("launched", finding.launch_site),
    )
    lines += [f"- {word} at {_where(site)}" for word, site in sites if site is not None]
    lines += [f"- then {_safe(consequence)}" for consequence in finding.consequences]
    return "\n".join(lines)


def _calls(run: Run) -> str:
    odd, names = differing(run.calls), graph_names(run)
    rows = [
        (
            f"{call.request}.{call.call}.{call.sweep}",
            _safe(call.label),
            _safe(names.get(call.key, call.key)),
            "not written" if call.output_written is False else _safe(call.layouts or call.agreement),
            number(call.max_abs_delta),
            number(call.noise_max_abs_delta),
        )
        for call in odd[:MAX_ROWS]
    ]
    more = f"\n\nand {count(len(odd) - MAX_ROWS, 'call')} more" if len(odd) > MAX_ROWS else ""
    title = f"{len(odd)} of {count(len(run.calls), 'compared call')} differ from eager:\n\n"
    return title + _table(("req.call.pass", "what", "graph", "agreement", "max abs", "noise"), rows) + more


def _stages(run: Run) -> str:
    rows = [
        (_safe(stage.name), stage.status, f"{stage.seconds:.2f}", _safe(stage.detail)) for stage in run.stages
    ]
    table = _table(("stage", "status", "seconds", "detail"), rows) + "\n\n" if rows else ""
    return (
        "<details><summary>stages and command</summary>\n\n"
        f"{table}{_code(shlex.join(run.command))} (imp-graphcheck {run.tool_version}, {_safe(run.id)})\n\n</details>"
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _where(site: Site) -> str:
    return f"{_code(place(site))} in {_code(site.function)}"


def _code(text: str) -> str:
    """A code span whose fence no text can close."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _safe(text: str) -> str:
    """Text that stays text: no markup, no mention, no cell of a table."""
    escaped = _SPECIAL.sub(lambda match: "\\" + match.group(), visible(text))
    return "".join(_ENTITIES.get(character, character) for character in escaped)
