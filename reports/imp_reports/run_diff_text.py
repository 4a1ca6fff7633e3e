"""What differs between two runs, on a terminal."""

import msgspec
from rich.console import Console

from imp_reports.graph_groups import ranges
from imp_reports.headline import by_severity, cause
from imp_reports.run_diff import Figure, GraphDifference, RunDifference
from imp_reports.text import MAX_ROWS, count, print_left_out, print_line, print_table, print_title


def diff_document(difference: RunDifference) -> bytes:
    """The difference as one JSON document."""
    return msgspec.json.format(msgspec.json.encode(difference), indent=2) + b"\n"


def print_diff(difference: RunDifference, console: Console) -> None:
    """The verdict, then findings, graphs and figures."""
    word, style = ("EQUAL", "bold green") if difference.equal else ("DIFFERENT", "bold red")
    print_line(
        console, (word, style), f"  {difference.before} and {difference.after}: ", _summary(difference)
    )
    for title, findings in (("Findings that came", difference.came), ("Findings that went", difference.went)):
        if findings:
            print_title(console, title)
        for finding in by_severity(findings)[:MAX_ROWS]:
            print_line(console, f"{finding.code} {finding.severity}  ", cause(finding))
        print_left_out(len(findings), "finding", console)
    for graph in difference.graphs:
        if not graph.equal:
            _print_graph(graph, console)
    moved = [figure for figure in difference.figures if not figure.equal]
    if moved:
        print_title(console, "Figures that moved")
        print_table(console, ("figure", "before", "after", ""), [_figure(figure) for figure in moved])


def _summary(difference: RunDifference) -> str:
    changed = sum(not graph.equal for graph in difference.graphs)
    if difference.equal:
        nodes = sum(graph.after or 0 for graph in difference.graphs)
        return f"{count(len(difference.graphs), 'graph')} with {count(nodes, 'node')}, the same to the byte"
    parts = [
        f"{changed} of {count(len(difference.graphs), 'graph')} changed" if changed else "",
        f"{count(len(difference.came), 'finding')} came" if difference.came else "",
        f"{count(len(difference.went), 'finding')} went" if difference.went else "",
    ]
    return ", ".join(part for part in parts if part) or "figures moved"


def _print_graph(graph: GraphDifference, console: Console) -> None:
    if graph.before is None or graph.after is None:
        word, nodes = ("only after", graph.after) if graph.before is None else ("only before", graph.before)
        print_title(console, f"Graph {graph.key}: {word}, {count(nodes or 0, 'node')}")
        return
    print_title(console, f"Graph {graph.key}: {graph.before} -> {count(graph.after, 'node')}")
    for kind, (old, new) in graph.census.items():
        print_line(console, f"{kind} nodes: {old} -> {new}")
    for word, indices in (("removed", graph.removed), ("added", graph.added)):
        if indices:
            print_line(console, f"{word}: {count(len(indices), 'node')}: {ranges(indices)}")
    rows: dict[tuple[str, str, str], list[int]] = {}
    for change in graph.changes:
        rows.setdefault((change.aspect, change.name, change.detail), []).append(change.after)
    table = [(aspect, ranges(nodes, 3), name, detail) for (aspect, name, detail), nodes in rows.items()]
    if table:
        print_table(console, ("what", "nodes", "kernel", "before -> after"), table[:MAX_ROWS])
        if len(table) > MAX_ROWS:
            print_line(
                console, (f"and {count(len(table) - MAX_ROWS, 'change')} more; --format json has all", "dim")
            )


def _figure(figure: Figure) -> tuple[str, ...]:
    remark = "" if figure.counts else "a timing, which does not count"
    return (figure.name, _value(figure.before), _value(figure.after), remark)


def _value(value: float | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
