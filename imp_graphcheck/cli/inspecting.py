"""What `inspect` does with its options: words become a selection, and the selection goes to a page."""

import shlex
from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.cli.output import print_document, print_rendered
from imp_graphcheck.cli.saved_run import saved_run
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.run import Run
from imp_reports.comparison import graph_names
from imp_reports.graph_document import dot, inspect_document
from imp_reports.graph_text import GraphPage, print_graphs
from imp_reports.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options as they were typed."""

    graph: str | None
    node: str | None
    kernel: str | None
    op: str | None
    pointer: str | None
    dead: bool
    limit: int


def show_graphs(word: str, wanted: Wanted, format_: Literal["table", "json", "dot"]) -> None:
    """Print the selected nodes of the run. Raises UsageError for a graph or a node that is not there."""
    run, path = saved_run(word)
    graphs = _graphs(run, wanted.graph)
    selection = Selection(
        nodes=_nodes(wanted.node, max(len(run.graphs[position].nodes) for position in graphs)),
        kernel=wanted.kernel,
        op=wanted.op,
        pointer=_address(wanted.pointer),
        dead=wanted.dead,
    )
    match format_:
        case "json":
            print_document(inspect_document(run, graphs, selection))
        case "dot":
            print_document(dot(run, graphs, selection).encode())
        case "table":
            page = GraphPage(
                graphs=graphs, selection=selection, limit=wanted.limit, word=shlex.quote(str(path))
            )
            print_rendered(lambda console: print_graphs(run, page, console))


def _graphs(run: Run, word: str | None) -> tuple[int, ...]:
    """Positions of the graphs; a key that was captured twice stands for both."""
    if not run.graphs:
        raise UsageError(
            f"the run {run.id} has no graphs.",
            hint=f"its verdict is {run.verdict}; imp-graphcheck report shows why",
        )
    if word is None:
        return tuple(range(len(run.graphs)))
    names = graph_names(run)
    found = tuple(n for n, graph in enumerate(run.graphs) if word in (graph.key, names[graph.key]))
    if not found:
        known = ", ".join(f"{name} ({key})" for key, name in list(names.items())[:5])
        raise UsageError(f"--graph {word}: the run has no such graph.", hint=f"it has {known}")
    return found


def _nodes(word: str | None, count: int) -> tuple[int, int] | None:
    if word is None:
        return None
    first, dash, last = word.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise UsageError(f"--node {word}: not a node.", hint="try --node 48, or --node 40-60")
    bounds = int(first), int(last or first)
    if bounds[0] > bounds[1] or bounds[0] >= count:
        raise UsageError(f"--node {word}: there is no such node.", hint=f"nodes are 0 to {count - 1}")
    return bounds


def _address(word: str | None) -> int | None:
    if word is None:
        return None
    try:
        return int(word, 0)
    except ValueError as error:
        raise UsageError(f"--pointer {word}: not an address.", hint="try --pointer 0x7f0000000000") from error
