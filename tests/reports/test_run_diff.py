"""Two runs compared."""

import io
import json
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from rich.console import Console

from imp_graphcheck.record.graph import GraphTrace, Node
from imp_graphcheck.record.run import Run
from imp_reports.node_diff import aligned
from imp_reports.run_diff import run_diff
from imp_reports.run_diff_text import diff_document, print_diff
from tests.reports.large import large, param
from tests.reports.runs import BROKEN, CLEAN

RUN = large(4)
GRAPH = RUN.graphs[0]


def with_node(index: int, change: Callable[[Node], Node]) -> Run:
    nodes = tuple(change(node) if node.index == index else node for node in GRAPH.nodes)
    return replace(RUN, graphs=(replace(GRAPH, nodes=nodes),))


def without_node(gone: int) -> Run:
    kept = [node for node in GRAPH.nodes if node.index != gone]
    nodes = tuple(replace(node, index=n, dependencies=(n - 1,) if n else ()) for n, node in enumerate(kept))
    return replace(RUN, graphs=(replace(GRAPH, nodes=nodes),))


def printed(before: Run, after: Run) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=140, no_color=True, highlight=False, _environ={})
    print_diff(run_diff(before, after), console)
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("run", [RUN, CLEAN, BROKEN], ids=["large", "clean", "broken"])
def test_a_run_equals_itself(run: Run) -> None:
    assert run_diff(run, run).equal
    assert printed(run, run)[0].startswith("EQUAL")


def test_addresses_and_generations_are_not_compared() -> None:
    """Another run has its memory elsewhere."""

    def moved(graph: GraphTrace) -> GraphTrace:
        nodes = tuple(
            replace(
                node,
                params=tuple(
                    replace(
                        p,
                        data=(p.pointers[0].address + 0x1000).to_bytes(8, "little").hex()
                        if p.pointers
                        else p.data,
                        pointers=tuple(
                            replace(x, address=x.address + 0x1000, generation=(x.generation or 0) + 100_000)
                            for x in p.pointers
                        ),
                    )
                    for p in node.params
                ),
            )
            for node in graph.nodes
        )
        return replace(graph, nodes=nodes)

    memory = tuple(
        replace(a, address=a.address + 0x1000, generation=a.generation + 100_000) for a in RUN.memory
    )
    other = replace(RUN, graphs=(moved(GRAPH),), memory=memory)

    assert run_diff(RUN, other).equal


@pytest.mark.parametrize(
    ("change", "aspect", "detail"),
    [
        (lambda node: replace(node, grid=(9, 1, 1)), "geometry", "grid 4x1x1 -> 9x1x1"),
        (lambda node: replace(node, shared_bytes=64), "geometry", "shared_bytes 0 -> 64"),
        (
            lambda node: replace(
                node, params=(*node.params[:2], replace(node.params[2], data="ff" * 8), *node.params[3:])
            ),
            "scalar",
            "dim 3 -> -1",
        ),
        (lambda node: replace(node, params=node.params[:-1]), "arguments", "scratch removed"),
        (lambda node: replace(node, dependencies=(0,)), "order", "waits for (2,) -> (0,)"),
        (
            lambda node: replace(node, params=(param("self", RUN.memory[1], "read"), *node.params[1:])),
            "memory",
            "self model.layers[0].weight (32.0 KiB, live) -> model.layers[1].weight (32.0 KiB, live)",
        ),
    ],
    ids=["grid", "shared", "scalar", "argument", "order", "memory"],
)
def test_what_changed_in_a_node(change: Callable[[Node], Node], aspect: str, detail: str) -> None:
    (graph,) = run_diff(RUN, with_node(3, change)).graphs

    assert [(one.aspect, one.before, one.detail) for one in graph.changes] == [(aspect, 3, detail)]
    assert not graph.equal


def test_a_copy_that_changed() -> None:
    (graph,) = run_diff(RUN, with_node(9, lambda node: replace(node, size_bytes=8192))).graphs

    assert [one.detail for one in graph.changes] == ["d2d 4.0 KiB -> d2d 8.0 KiB"]


def test_a_node_that_went_moves_the_others_and_nothing_else() -> None:
    difference = run_diff(RUN, without_node(12))
    (graph,) = difference.graphs

    assert (graph.removed, graph.added, graph.changes) == ((12,), (), _waits(graph.changes))
    assert graph.census == {"kernel": (36, 35)}
    (back,) = run_diff(without_node(12), RUN).graphs
    assert back.added == (12,)


def _waits(changes: tuple[object, ...]) -> tuple[object, ...]:
    """The node after the one that went waits for another; everything else must be the same."""
    return tuple(change for change in changes if getattr(change, "aspect", "") == "order")


def test_graphs_that_came_and_went() -> None:
    other = replace(RUN, graphs=(replace(GRAPH, key="decode"),))
    difference = run_diff(RUN, other)

    assert [(graph.key, graph.before, graph.after) for graph in difference.graphs] == [
        (GRAPH.key, 40, None),
        ("decode", None, 40),
    ]
    assert "Graph decode: only after, 40 nodes" in printed(RUN, other)


def test_findings_that_came_and_went() -> None:
    difference = run_diff(CLEAN, BROKEN)

    assert {finding.code for finding in difference.came} == {"GC202", "GC304"}
    assert difference.went == ()
    assert {finding.code for finding in run_diff(BROKEN, CLEAN).went} == {"GC202", "GC304"}
    moved = {figure.name for figure in difference.figures if not figure.equal}
    assert {"verdict", "calls that differ from eager", "state bytes that differ"} <= moved


def test_timings_do_not_count() -> None:
    assert CLEAN.speed is not None
    faster = replace(CLEAN, speed=replace(CLEAN.speed, ratio_median=9.0))
    difference = run_diff(CLEAN, faster)

    assert difference.equal
    assert any("a timing, which does not count" in line for line in printed(CLEAN, faster))


def test_json_is_a_document() -> None:
    document = json.loads(
        diff_document(run_diff(RUN, with_node(3, lambda node: replace(node, grid=(9, 1, 1)))))
    )

    assert document["graphs"][0]["changes"][0]["aspect"] == "geometry"


def test_repeating_layers_are_aligned_in_time() -> None:
    long = large(300).graphs[0]
    middle = len(long.nodes) // 2
    shorter = replace(long, nodes=(*long.nodes[: middle + 3], *long.nodes[middle + 5 :], *long.nodes[:4]))

    start = time.perf_counter()
    found = aligned(long, shorter)

    assert len(found.removed) == 2
    assert len(found.added) == 4
    assert time.perf_counter() - start < 20
