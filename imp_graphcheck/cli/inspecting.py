"""What `inspect` does with its options: words become a selection, and the selection goes to a page."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.cli.output import print_document, print_rendered
from imp_graphcheck.cli.progress import stage_progress
from imp_graphcheck.cli.saved_run import saved_run
from imp_graphcheck.errors import UsageError
from imp_graphcheck.exit_codes import VERDICT_EXIT, ExitCode
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import RUN_FILE
from imp_reports.comparison import graph_names
from imp_reports.console import print_headline
from imp_reports.graph_document import dot, inspect_document
from imp_reports.graph_text import GraphPage, print_graphs
from imp_reports.headline import next_command
from imp_reports.selection import Selection
from imp_reports.text import print_to_copy

InspectFormat = Literal["table", "json", "dot"]


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


def show_graphs(word: str, wanted: Wanted, format_: InspectFormat) -> None:
    """Print the selected nodes of the run. Raises UsageError for a graph or a node that is not there."""
    run, path = saved_run(word)
    _show(run, _page(run, wanted, path), format_, lambda console: None)


def capture_and_show(
    settings: CaptureSettings, wanted: Wanted, format_: InspectFormat, *, quiet: bool
) -> ExitCode:
    """Capture, show what was found and the selected nodes, and say what that means for the exit code."""
    # What cannot be right in any run is said before a minute is spent on one.
    _address(wanted.pointer)
    _nodes(wanted.node, sys.maxsize)
    with stage_progress(quiet=quiet) as on_event:
        captured = run_capture(settings, on_event=on_event)
    run, directory = captured.run, captured.directory
    if run.graphs:
        page = _page(run, wanted, directory)
    else:
        page = GraphPage(graphs=(), selection=Selection(), limit=wanted.limit, word=str(directory))
    _show(run, page, format_, lambda console: _print_verdict(run, console))
    if format_ == "table":
        print_rendered(lambda console: _print_where(run, directory, console))
    return VERDICT_EXIT[run.verdict]


def _page(run: Run, wanted: Wanted, path: Path) -> GraphPage:
    graphs = _graphs(run, wanted.graph)
    return GraphPage(
        graphs=graphs,
        selection=Selection(
            nodes=_nodes(wanted.node, max(len(run.graphs[position].nodes) for position in graphs)),
            kernel=wanted.kernel,
            op=wanted.op,
            pointer=_address(wanted.pointer),
            dead=wanted.dead,
        ),
        limit=wanted.limit,
        word=shlex.quote(str(path)),
    )


def _show(run: Run, page: GraphPage, format_: InspectFormat, before: Callable[[Console], None]) -> None:
    match format_:
        case "json":
            print_document(inspect_document(run, page.graphs, page.selection))
        case "dot":
            print_document(dot(run, page.graphs, page.selection).encode())
        case "table":

            def render(console: Console) -> None:
                before(console)
                print_graphs(run, page, console)

            print_rendered(render)


def _print_verdict(run: Run, console: Console) -> None:
    print_headline(run, console)
    console.print()


def _print_where(run: Run, directory: Path, console: Console) -> None:
    console.print()
    print_to_copy(console, f"saved: {directory / RUN_FILE}")
    following = next_command(run)
    if following is not None:
        print_to_copy(console, "next, " + ": ".join(following))


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
