"""A bisection as a comment under a pull request: the causes, what shows them, and what it took."""

import shlex

from imp_graphcheck.record.bisection import Bisection, Cause
from imp_graphcheck.record.probe import ProbeResult
from imp_reports.bisection_words import TITLES, outcome, summary
from imp_reports.markup import code, finding_text, safe, table_of
from imp_reports.text import MAX_ROWS, count, number


def bisection_markdown(bisection: Bisection) -> str:
    """The comment."""
    parts = [f"### {TITLES[bisection.status]}: {safe(summary(bisection))}"]
    if bisection.reason and not bisection.causes:
        parts.append(safe(bisection.reason))
    parts += [_cause(cause) for cause in bisection.causes[:MAX_ROWS]]
    if len(bisection.causes) > MAX_ROWS:
        parts.append(f"and {count(len(bisection.causes) - MAX_ROWS, 'cause')} more")
    parts += [f"symptom **{finding.code}**: {safe(finding.message)}" for finding in bisection.symptoms]
    parts += ["\n".join(f"- ruled out: {safe(sentence)}" for sentence in bisection.ruled_out)]
    parts.append(_effort(bisection))
    return "\n\n".join(part for part in parts if part) + "\n"


def _cause(cause: Cause) -> str:
    proof = "\n".join(f"- proof: {safe(probe.intervention)}: {safe(outcome(probe))}" for probe in cause.proof)
    return "\n".join(part.rstrip("\n") for part in (finding_text(cause.finding), proof) if part)


def _effort(bisection: Bisection) -> str:
    tried = table_of(
        ("probe", "outcome", "wrong", "max abs", "what was done"), [_row(probe) for probe in bisection.tried]
    )
    trials = table_of(
        ("trial", "kind", "seconds", "outcome"),
        [
            (str(trial.number), safe(trial.kind), f"{trial.seconds:.1f}", safe(trial.outcome))
            for trial in bisection.trials
        ],
    )
    tables = [table for table, rows in ((tried, bisection.tried), (trials, bisection.trials)) if rows]
    origin = f"{code(shlex.join(bisection.command))} (imp-graphcheck {bisection.tool_version}, {safe(bisection.id)})"
    body = "\n\n".join((*tables, origin))
    return f"<details><summary>tried, trials and command</summary>\n\n{body}\n\n</details>"


def _row(probe: ProbeResult) -> tuple[str, ...]:
    return (
        safe(probe.probe),
        safe(probe.outcome),
        f"{probe.wrong_calls}/{probe.calls}",
        number(probe.max_abs_delta),
        safe(probe.intervention),
    )
