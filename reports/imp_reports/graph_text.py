"""A captured graph on a terminal: groups of nodes, or single nodes with every argument."""

from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from imp_graphcheck.record.graph import GraphTrace, Node
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_reports.arguments import pointers_of, scalar
from imp_reports.comparison import graph_names
from imp_reports.graph_groups import grouped, owners, ranges
from imp_reports.ownership import DEAD, Memory, memory_of, owner, standing, touches
from imp_reports.selection import Selection, selected
from imp_reports.text import count, place, print_line, print_table, print_title, print_to_copy, size

Detail = Literal["groups", "nodes"]

FEW_NODES = 8
"""As many selected nodes are shown one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPage:
    """What to show: which graphs (by position), which nodes, how many rows; `word` is how RUN was written."""

    graphs: tuple[int, ...]
    selection: Selection
    limit: int
    word: str


def print_graphs(run: Run, page: GraphPage, console: Console) -> None:
    """Each graph with what it points at that is dead, then its nodes."""
    memory, names = memory_of(run), graph_names(run)
    for number, position in enumerate(page.graphs):
        graph = run.graphs[position]
        if number:
            console.print()
        _print_summary(graph, names[graph.key], memory, console)
        _print_nodes(graph, memory, page, console)
    print_hint(run, page, names, console)


def print_hint(run: Run, page: GraphPage, names: dict[str, str], console: Console) -> None:
    """Where to look next, if a finding names a node that is not on the page already."""
    found = next((f for f in run.findings if f.node is not None and f.graph in names), None)
    if found is not None and page.selection.is_everything:
        console.print()
        print_to_copy(
            console,
            f"next, the node of {found.code}: imp-graphcheck inspect {page.word} "
            f"--graph {names[found.graph or '']} --node {found.node}",
        )


def _print_summary(graph: GraphTrace, name: str, memory: Memory, console: Console) -> None:
    all_touches = list(touches(graph, memory))
    owned = {touch.pointer.generation for touch in all_touches if touch.allocation is not None}
    kinds = ", ".join(f"{kind} {n}" for kind, n in graph.census.items())
    print_line(console, (name, "bold"), f"  {graph.key}: {count(len(graph.nodes), 'node')} ({kinds})")
    if not any(node.params for node in graph.nodes):
        print_line(console, "no arguments are recorded: what it points at is not known")
        return
    dead: dict[str, set[int]] = {}
    for touch in all_touches:
        if touch.standing in DEAD:
            dead.setdefault(f"{owner(touch.allocation)} ({touch.standing})", set()).add(touch.node.index)
    points = f"{count(len(all_touches), 'pointer')} into {count(len(owned), 'allocation')}"
    if not dead:
        print_line(console, f"{points}, none of them dead")
        return
    print_line(console, f"{points}; dead: ", (", ".join(dead), "red"))
    nodes = sorted(set().union(*dead.values()))
    print_line(console, f"  touched by {count(len(nodes), 'node')}: {ranges(nodes)}")


def _print_nodes(graph: GraphTrace, memory: Memory, page: GraphPage, console: Console) -> None:
    nodes = selected(graph, memory, page.selection)
    if not nodes:
        print_title(console, "No node matches")
        return
    if len(nodes) <= FEW_NODES and not page.selection.is_everything:
        for node in nodes[: page.limit]:
            print_node(node, graph, memory, console)
        _print_more(len(nodes) - page.limit, "node", console)
        return
    groups = grouped(nodes, graph, memory)
    print_title(
        console,
        f"{count(len(nodes), 'node')} in {count(len(groups), 'group')} by operator and launching line",
    )
    rows = [
        (
            str(len(group.indices)),
            ranges(group.indices, 3),
            group.op,
            group.where,
            owners(group.reads, group.dead),
            owners(group.writes, group.dead),
        )
        for group in groups[: page.limit]
    ]
    print_table(console, ("n", "nodes", "operator", "launched at", "reads", "writes"), rows, right=("n",))
    _print_more(len(groups) - page.limit, "group", console)


def _print_more(left: int, noun: str, console: Console) -> None:
    if left > 0:
        print_line(console, (f"and {count(left, noun)} more; --limit shows more", "dim"))


def print_node(node: Node, graph: GraphTrace, memory: Memory, console: Console) -> None:
    """One node and all that is known of its arguments."""
    print_title(console, f"node {node.index}  {node.kind}  {node.name}")
    facts = [
        ("op", node.op),
        ("launched", _site(graph.launch_site(node))),
        ("waits for", ", ".join(map(str, node.dependencies)) or None),
        ("copy", None if node.direction is None else f"{node.direction}, {size(node.size_bytes)}"),
        ("grid", None if node.grid is None else f"{_geometry(node.grid)}, block {_geometry(node.block)}"),
        ("shared", None if not node.shared_bytes else size(node.shared_bytes)),
    ]
    for word, value in facts:
        if value is not None:
            print_line(console, (f"  {word:<10}", "dim"), value)
    for param in node.params:
        pointers = pointers_of(param)
        if not pointers:
            print_line(console, (f"  {param.name:<10}", "dim"), scalar(param))
        for pointer in pointers:
            allocation = None if pointer.generation is None else memory.get(pointer.generation)
            state = standing(allocation, graph)
            told = f"{pointer.access} {pointer.address:#x}"
            told += f" +{pointer.displacement}" if pointer.displacement else ""
            style = "red" if state in DEAD else ""
            print_line(
                console, (f"  {param.name:<10}", "dim"), f"{told}  ", (_whose(allocation, state), style)
            )
            _print_owner(allocation, console)


def _whose(allocation: Allocation | None, state: str) -> str:
    if allocation is None:
        return "nobody knows whose it is"
    names = " / ".join(allocation.names) or "no name in the program"
    return f"{names}: {size(allocation.size_bytes)}, {state}"


def _print_owner(allocation: Allocation | None, console: Console) -> None:
    if allocation is None:
        return
    for word, site in (("allocated", allocation.allocation_site), ("freed", allocation.free_site)):
        if site is not None:
            print_line(console, " " * 12, (f"{word:<10}", "dim"), _site(site) or "")


def _site(site: Site | None) -> str | None:
    return None if site is None else f"{place(site)} {site.function}()"


def _geometry(value: tuple[int, int, int] | None) -> str:
    return "-" if value is None else "x".join(map(str, value))
