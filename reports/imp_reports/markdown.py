"""A run as a comment under a pull request: short, and safe to paste."""

import shlex

from imp_graphcheck.record.run import Run
from imp_reports.comparison import graph_names
from imp_reports.fold import differing
from imp_reports.headline import by_severity, summary
from imp_reports.markup import code, finding_text, safe, table_of
from imp_reports.text import MAX_ROWS, count, number


def markdown(run: Run) -> str:
    """The comment."""
    parts = [f"### {run.verdict.capitalize()}: {safe(summary(run))}"]
    if run.verdict_reason and not run.findings:
        parts.append(safe(run.verdict_reason))
    findings = by_severity(run.findings)
    parts += [finding_text(finding) for finding in findings[:MAX_ROWS]]
    if len(findings) > MAX_ROWS:
        parts.append(f"and {count(len(findings) - MAX_ROWS, 'finding')} more")
    parts += [_calls(run)] if differing(run.calls) else []
    parts.append(_stages(run))
    return "\n\n".join(part for part in parts if part) + "\n"


def _calls(run: Run) -> str:
    odd, names = differing(run.calls), graph_names(run)
    rows = [
        (
            f"{call.request}.{call.call}.{call.sweep}",
            safe(call.label),
            safe(names.get(call.key, call.key)),
            "not written" if call.output_written is False else safe(call.layouts or call.agreement),
            number(call.max_abs_delta),
            number(call.noise_max_abs_delta),
        )
        for call in odd[:MAX_ROWS]
    ]
    more = f"\n\nand {count(len(odd) - MAX_ROWS, 'call')} more" if len(odd) > MAX_ROWS else ""
    title = f"{len(odd)} of {count(len(run.calls), 'compared call')} differ from eager:\n\n"
    return title + table_of(("req.call.pass", "what", "graph", "agreement", "max abs", "noise"), rows) + more


def _stages(run: Run) -> str:
    rows = [
        (safe(stage.name), stage.status, f"{stage.seconds:.2f}", safe(stage.detail)) for stage in run.stages
    ]
    table = table_of(("stage", "status", "seconds", "detail"), rows) + "\n\n" if rows else ""
    return (
        "<details><summary>stages and command</summary>\n\n"
        f"{table}{code(shlex.join(run.command))} (imp-graphcheck {run.tool_version}, {safe(run.id)})\n\n</details>"
    )
