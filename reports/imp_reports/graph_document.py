"""A selection of a run's nodes for programs: as JSON, with the memory they touch beside them, and as DOT for Graphviz."""

import msgspec

from imp_graphcheck.record.graph import GraphTrace, Node
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_reports.arguments import pointers_of, scalar
from imp_reports.comparison import graph_names
from imp_reports.ownership import DEAD, Memory, Standing, memory_of, owner, standing, touches_of
from imp_reports.selection import Selection, selected
from imp_reports.text import place, visible

INSPECT_SCHEMA_VERSION = 1

_FILL: dict[str, str] = {"memcpy": "lightyellow", "memset": "lightyellow", "kernel": "white"}


class ArgumentEntry(msgspec.Struct, kw_only=True):
    """One pointer, or one number, of a node."""

    name: str
    value: str | None = None
    address: int | None = None
    access: str | None = None
    generation: int | None = None
    displacement: int | None = None
    standing: Standing | None = None


class NodeEntry(msgspec.Struct, kw_only=True):
    """A node as the record has it, and its arguments with what has become of the memory."""

    node: Node
    launch_site: Site | None
    arguments: list[ArgumentEntry]


class GraphEntry(msgspec.Struct, kw_only=True):
    """One graph. `nodes` are those that were selected, of `nodes_total`."""

    name: str
    key: str
    nodes_total: int
    nodes: list[NodeEntry]


class InspectDocument(msgspec.Struct, kw_only=True):
    """What `inspect --format json` prints. `memory` holds the allocations that the selected nodes touch."""

    schema_version: int = INSPECT_SCHEMA_VERSION
    run: str
    graphs: list[GraphEntry]
    memory: list[Allocation]


def inspect_document(run: Run, graphs: tuple[int, ...], selection: Selection) -> bytes:
    """The JSON document."""
    memory, names = memory_of(run), graph_names(run)
    entries, met = [], dict[int, Allocation]()
    for position in graphs:
        graph = run.graphs[position]
        nodes = selected(graph, memory, selection)
        for node in nodes:
            for touch in touches_of(node, graph, memory):
                if touch.allocation is not None:
                    met[touch.allocation.generation] = touch.allocation
        entries.append(
            GraphEntry(
                name=names[graph.key],
                key=graph.key,
                nodes_total=len(graph.nodes),
                nodes=[_entry(node, graph, memory) for node in nodes],
            )
        )
    document = InspectDocument(run=run.id, graphs=entries, memory=list(met.values()))
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _entry(node: Node, graph: GraphTrace, memory: Memory) -> NodeEntry:
    arguments = []
    for param in node.params:
        pointers = pointers_of(param)
        if not pointers:
            arguments.append(ArgumentEntry(name=param.name, value=scalar(param)))
        for pointer in pointers:
            allocation = None if pointer.generation is None else memory.get(pointer.generation)
            arguments.append(
                ArgumentEntry(
                    name=param.name,
                    address=pointer.address,
                    access=pointer.access,
                    generation=pointer.generation,
                    displacement=pointer.displacement,
                    standing=standing(allocation, graph),
                )
            )
    return NodeEntry(node=node, launch_site=graph.launch_site(node), arguments=arguments)


def dot(run: Run, graphs: tuple[int, ...], selection: Selection) -> str:
    """One digraph; every graph is a cluster. Dead memory is drawn, with the nodes that touch it."""
    memory, names = memory_of(run), graph_names(run)
    lines = [
        "digraph run {",
        "  rankdir=TB;",
        '  node [shape=box, fontname="monospace", fontsize=9, style=filled];',
    ]
    for position in graphs:
        graph = run.graphs[position]
        lines += _cluster(graph, names[graph.key], selected(graph, memory, selection), memory)
    return "\n".join([*lines, "}"]) + "\n"


def _cluster(graph: GraphTrace, name: str, nodes: tuple[Node, ...], memory: Memory) -> list[str]:
    shown = {node.index for node in nodes}
    lines = [f"  subgraph cluster_{name} {{", f"    label={_quoted(f'{name}  {graph.key}')};"]
    dead: dict[int, Allocation] = {}
    wires = []
    for node in nodes:
        site = graph.launch_site(node)
        label = (f"{node.index} {node.name}", *(() if site is None else (place(site),)))
        lines.append(
            f"    {name}_{node.index} [label={_quoted(*label)}, fillcolor={_FILL.get(node.kind, 'lightgrey')}];"
        )
        wires += [
            f"    {name}_{source} -> {name}_{node.index};" for source in node.dependencies if source in shown
        ]
        for touch in touches_of(node, graph, memory):
            if touch.standing in DEAD and touch.allocation is not None:
                dead[touch.allocation.generation] = touch.allocation
                ends = (f"{name}_{node.index}", f"{name}_m{touch.allocation.generation}")
                arrow = " -> ".join(ends if touch.writes else reversed(ends))
                wires.append(f"    {arrow} [color=red, label={_quoted(touch.param.name)}];")
    lines += [
        f"    {name}_m{generation} [shape=cylinder, color=red, fontcolor=red, fillcolor=white, "
        f"label={_quoted(owner(allocation), allocation.state)}];"
        for generation, allocation in dead.items()
    ]
    return [*lines, *wires, "  }"]


def _quoted(*lines: str) -> str:
    """A DOT string of these lines, in which everything of the program is text."""
    parts = (visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(parts) + '"'
