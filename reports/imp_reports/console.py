"""A run on a terminal, or in a pipe.

    print_run(load_run(Path(".graphcheck/runs/latest")), directory, Console())

The verdict and its cause come first, the evidence after, and where everything is saved last.
"""

from pathlib import Path
from statistics import median

from rich.console import Console

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import CallComparison, Run, Speed
from imp_graphcheck.record.site import Site
from imp_reports.fold import Fold, agreeing, differing
from imp_reports.headline import VERDICT_STYLES, by_severity, cause, next_command, summary
from imp_reports.text import (
    count,
    mebibytes,
    number,
    place,
    print_line,
    print_table,
    print_title,
    print_to_copy,
    seconds,
    share,
)

MAX_ROWS = 20
"""Rows of one table before the reader is sent to the JSON document."""

WIDE = 110
"""From this width on a differing call fits on one line."""

_SEVERITY_STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}
_STATUS_WORDS = {
    "ok": "ok",
    "failed": "FAILED",
    "skipped": "skipped",
    "died": "DIED",
    "interrupted": "interrupted",
}


def print_run(run: Run, directory: Path, console: Console) -> None:
    """Print all of `run`, which is saved in `directory`."""
    _print_headline(run, console)
    _print_stages(run, console)
    _print_graphs(run, console)
    _print_calls(run, console)
    _print_state(run, console)
    _print_fallbacks(run, console)
    if run.speed is not None:
        _print_speed(run.speed, console)
    _print_notes(run, console)
    console.print()
    print_to_copy(console, f"saved: {directory / 'run.json'}")
    command = next_command(run)
    if command is not None:
        print_to_copy(console, f"next, {command}")


def _print_headline(run: Run, console: Console) -> None:
    print_line(console, (run.verdict.upper(), VERDICT_STYLES[run.verdict]), "  ", summary(run))
    findings = by_severity(run.findings)
    if not findings and run.verdict_reason:
        print_line(console, run.verdict_reason)
    for index, finding in enumerate(findings):
        if index == 1:
            print_title(console, "Further findings")
        _print_finding(finding, console)


def _print_finding(finding: Finding, console: Console) -> None:
    style = _SEVERITY_STYLES[finding.severity]
    print_line(
        console, (f"{finding.code} {finding.severity} {finding.confidence}", style), "  ", cause(finding)
    )
    if finding.remedy:
        print_line(console, "  do: ", finding.remedy)
    where = (
        ("graph", finding.graph),
        ("node", None if finding.node is None else str(finding.node)),
        ("kernel", finding.kernel),
        ("argument", finding.argument),
        ("allocated", _in_function(finding.allocation_site)),
        ("freed", _in_function(finding.free_site)),
        ("launched", _in_function(finding.launch_site)),
    )
    for word, value in where:
        if value is not None:
            print_line(console, (f"  {word:<10}", "dim"), value)
    for consequence in finding.consequences:
        print_line(console, ("  then      ", "dim"), consequence)


def _in_function(site: Site | None) -> str | None:
    return None if site is None else f"{place(site)} {site.function}()"


def _print_stages(run: Run, console: Console) -> None:
    if not run.stages:
        return
    print_title(console, "Stages")
    rows = [
        (stage.name, _STATUS_WORDS[stage.status], f"{stage.seconds:.2f}", stage.detail)
        for stage in run.stages
    ]
    print_table(console, ("stage", "status", "seconds", "detail"), rows, right=("seconds",))


def _print_calls(run: Run, console: Console) -> None:
    if not run.calls:
        return
    folds, odd = agreeing(run.calls), differing(run.calls)
    print_title(
        console, f"Captured against eager: {count(len(run.calls), 'compared call')}, {len(odd)} differing"
    )
    if odd:
        if console.width >= WIDE:
            _print_call_table(odd[:MAX_ROWS], console)
        else:
            _print_call_lines(odd[:MAX_ROWS], console)
        _print_left_out(len(odd), "differing call", console)
    if folds:
        if odd:
            console.print()
        _print_folds(folds, console)


def _print_call_table(calls: tuple[CallComparison, ...], console: Console) -> None:
    header = ("req", "call", "pass", "what", "graph", "path", "agreement", *_METRICS)
    rows = [
        (
            str(call.request),
            str(call.call),
            str(call.sweep),
            call.label,
            call.key,
            call.path,
            *_measured(call),
        )
        for call in calls
    ]
    print_table(console, header, rows, right=("req", "call", "pass", *_METRICS))


def _print_call_lines(calls: tuple[CallComparison, ...], console: Console) -> None:
    for call in calls:
        agreement, *metrics = _measured(call)
        print_line(
            console,
            f"request {call.request} call {call.call} pass {call.sweep}  {call.label}  ",
            (agreement, "red"),
        )
        print_line(console, f"  graph {call.key} ({call.path})")
        told = (f"{name} {value}" for name, value in zip(_METRICS, metrics, strict=True))
        print_line(console, "  ", ", ".join(told))


_METRICS = ("max|d|", "noise", "KLD", "top-1", "top-5", "NaN")


def _measured(call: CallComparison) -> tuple[str, ...]:
    agreement = "not written" if call.output_written is False else call.agreement
    return (
        agreement,
        number(call.max_abs_delta),
        number(call.noise_max_abs_delta),
        number(call.kld),
        share(call.top1_agreement),
        share(call.top5_agreement),
        str(call.nan_count),
    )


def _print_folds(folds: tuple[Fold, ...], console: Console) -> None:
    if all(fold.agreement == "identical" for fold in folds):
        rows = [(fold.key, fold.path, str(fold.calls), str(fold.requests), "identical") for fold in folds]
        header: tuple[str, ...] = ("graph", "path", "calls", "requests", "agreement")
        print_table(console, header, rows[:MAX_ROWS], right=("calls", "requests"))
    else:
        header = ("graph", "path", "calls", "agreement", "max|d|", "noise", "KLD", "top-1", "top-5")
        rows_of_worst = [
            (
                fold.key,
                fold.path,
                str(fold.calls),
                fold.agreement,
                number(fold.max_abs_delta),
                number(fold.noise_max_abs_delta),
                number(fold.kld_max),
                share(fold.top1_agreement),
                share(fold.top5_agreement),
            )
            for fold in folds
        ]
        print_table(console, header, rows_of_worst[:MAX_ROWS], right=("calls", *header[4:]))
    _print_left_out(len(folds), "row", console)


def _print_state(run: Run, console: Console) -> None:
    if not run.state:
        return
    changed = [state for state in run.state if state.bytes_different]
    print_title(
        console, f"State after each pass: {count(len(run.state), 'comparison')}, {len(changed)} differing"
    )
    if not changed:
        names = sorted({state.name for state in run.state})
        total = sum(state.bytes_total for state in run.state)
        print_line(console, f"{', '.join(names[:MAX_ROWS])}: all {mebibytes(total)} MiB equal byte for byte")
        return
    rows = [
        (
            state.name,
            str(state.sweep),
            f"{state.bytes_different} of {state.bytes_total}",
            "-" if state.first_difference is None else str(state.first_difference),
        )
        for state in changed
    ]
    print_table(
        console,
        ("tensor", "pass", "bytes different", "first at"),
        rows[:MAX_ROWS],
        right=("pass", "first at"),
    )
    _print_left_out(len(changed), "tensor", console)


def _print_graphs(run: Run, console: Console) -> None:
    if not run.graphs:
        return
    print_title(console, f"Captured graphs: {len(run.graphs)}")
    rows = [
        (
            graph.key,
            str(len(graph.nodes)),
            ", ".join(f"{kind} {n}" for kind, n in graph.census.items()),
            f"{graph.capture_seconds:.2f}",
            mebibytes(graph.pool_bytes),
            str(graph.replays),
        )
        for graph in run.graphs
    ]
    header = ("graph", "nodes", "by kind", "seconds", "pool MiB", "replays")
    print_table(console, header, rows[:MAX_ROWS], right=("nodes", "seconds", "pool MiB", "replays"))
    _print_left_out(len(run.graphs), "graph", console)


def _print_fallbacks(run: Run, console: Console) -> None:
    if not run.fallbacks:
        return
    print_title(console, f"Ran eagerly instead of from a graph: {count(sum(run.fallbacks.values()), 'call')}")
    rows = [(str(n), condition) for condition, n in run.fallbacks.items()]
    print_table(console, ("calls", "because"), rows[:MAX_ROWS], right=("calls",))
    _print_left_out(len(run.fallbacks), "condition", console)


def _print_speed(speed: Speed, console: Console) -> None:
    if not speed.eager_seconds or not speed.captured_seconds:
        return
    print_title(console, f"Speed: median of {count(len(speed.eager_seconds), 'paired timing')}")
    arms = (("eager", speed.eager_seconds), ("captured", speed.captured_seconds))
    rows = []
    for arm, times in arms:
        middle = median(times)
        rate = f"{speed.tokens / middle:.0f}" if speed.tokens and middle > 0 else "-"
        rows.append((arm, seconds(middle), seconds(min(times)), seconds(max(times)), rate))
    print_table(
        console, ("arm", "median", "min", "max", "tokens/s"), rows, right=("median", "min", "max", "tokens/s")
    )
    if speed.ratio_median is not None:
        print_line(console, f"eager / captured, median of the pairs: {speed.ratio_median:.2f}")


def _print_notes(run: Run, console: Console) -> None:
    if not run.notes:
        return
    print_title(console, "Notes")
    for note in run.notes:
        first, *rest = note.splitlines() or [""]
        print_line(console, f"- {first}")
        for line in rest:
            print_line(console, f"    {line}")


def _print_left_out(total: int, noun: str, console: Console) -> None:
    if total > MAX_ROWS:
        print_line(console, (f"and {count(total - MAX_ROWS, noun)} more; all are in run.json", "dim"))
