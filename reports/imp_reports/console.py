"""A run on a terminal, or in a pipe.

    print_run(load_run(Path(".graphcheck/runs/latest")), directory, Console())

The verdict and its cause come first, the evidence after, and where everything is saved last.
"""

from pathlib import Path
from statistics import median

from rich.console import Console

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run, Speed
from imp_graphcheck.record.site import Site
from imp_reports.arguments import described
from imp_reports.comparison import graph_names, print_calls, print_state
from imp_reports.headline import VERDICT_STYLES, by_severity, cause, next_command, readers, summary
from imp_reports.ownership import memory_of
from imp_reports.text import (
    MAX_ROWS,
    count,
    mebibytes,
    place,
    print_left_out,
    print_line,
    print_table,
    print_title,
    print_to_copy,
    seconds,
)

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
    print_headline(run, console)
    _print_stages(run, console)
    _print_graphs(run, console)
    print_calls(run, console)
    print_state(run, console)
    _print_fallbacks(run, console)
    if run.speed is not None:
        _print_speed(run.speed, console)
    _print_notes(run, console)
    console.print()
    print_to_copy(console, f"saved: {directory / 'run.json'}")
    for word, reader in readers(run, directory):
        print_to_copy(console, f"{word}: {reader}")
    following = next_command(run)
    if following is not None:
        print_to_copy(console, "next, " + ": ".join(following))


def print_headline(run: Run, console: Console) -> None:
    """The verdict, then every finding."""
    print_line(console, (run.verdict.upper(), VERDICT_STYLES[run.verdict]), "  ", summary(run))
    findings = by_severity(run.findings)
    if not findings and run.verdict_reason:
        print_line(console, run.verdict_reason)
    for index, finding in enumerate(findings):
        if index == 1:
            print_title(console, "Further findings")
        _print_finding(finding, run, console)


def _print_finding(finding: Finding, run: Run, console: Console) -> None:
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
        ("touches", _arguments(finding, run)),
        ("allocated", _in_function(finding.allocation_site)),
        ("freed", _in_function(finding.free_site)),
        ("launched", _in_function(finding.launch_site)),
    )
    for word, value in where:
        if value is not None:
            print_line(console, (f"  {word:<10}", "dim"), value)
    for consequence in finding.consequences:
        print_line(console, ("  then      ", "dim"), consequence)


def _arguments(finding: Finding, run: Run) -> str | None:
    """All arguments of the node that the finding names, by the names of what they point at."""
    graph = next((graph for graph in run.graphs if graph.key == finding.graph), None)
    if graph is None or finding.node is None or finding.node >= len(graph.nodes):
        return None
    return "; ".join(described(graph.nodes[finding.node], graph, memory_of(run))) or None


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


def _print_graphs(run: Run, console: Console) -> None:
    if not run.graphs:
        return
    print_title(console, f"Graphs captured: {len(run.graphs)}")
    names = graph_names(run)
    rows = [
        (
            names[graph.key],
            graph.key,
            str(len(graph.nodes)),
            ", ".join(f"{kind} {n}" for kind, n in graph.census.items()),
            f"{graph.capture_seconds:.2f}",
            mebibytes(graph.pool_bytes),
            str(graph.replays),
        )
        for graph in run.graphs
    ]
    header = ("", "graph key", "nodes", "by kind", "seconds", "pool MiB", "replays")
    print_table(console, header, rows[:MAX_ROWS], right=("nodes", "seconds", "pool MiB", "replays"))
    print_left_out(len(run.graphs), "graph", console)


def _print_fallbacks(run: Run, console: Console) -> None:
    if not run.fallbacks:
        return
    print_title(console, f"Ran eagerly instead of from a graph: {count(sum(run.fallbacks.values()), 'call')}")
    rows = [(str(n), condition) for condition, n in run.fallbacks.items()]
    print_table(console, ("calls", "because"), rows[:MAX_ROWS], right=("calls",))
    print_left_out(len(run.fallbacks), "condition", console)


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
