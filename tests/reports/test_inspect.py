"""A graph on a terminal, as JSON and as DOT."""

import io
import json

import pytest
from msgspec.structs import replace
from rich.console import Console

from imp_graphcheck.record.graph import Param
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.word import number_of
from imp_reports.arguments import scalars
from imp_reports.graph_document import dot, inspect_document
from imp_reports.graph_groups import ranges
from imp_reports.graph_text import GraphPage, print_graphs
from imp_reports.ownership import memory_of, owner, standing
from imp_reports.selection import Selection, selected
from imp_reports.text import visible
from tests.reports.large import HOSTILE, POOL, hostile, large

RUN = large(10)
GRAPH = RUN.graphs[0]
EVERYTHING = Selection()


def printed(run: Run, selection: Selection = EVERYTHING, limit: int = 40) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=140, no_color=True, highlight=False, _environ={})
    print_graphs(run, GraphPage(graphs=(0,), selection=selection, limit=limit, word="RUN"), console)
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


def indices(**conditions: object) -> list[int]:
    return [
        node.index
        for node in selected(GRAPH, memory_of(RUN), Selection(**conditions))  # type: ignore[arg-type]
    ]


def test_the_first_lines_say_what_is_dead() -> None:
    assert printed(RUN)[:3] == [
        "g1 prefill 256 tokens: 100 nodes (kernel 90, memcpy 10)",
        "220 pointers into 32 allocations; dead: engine.scratch (unmapped)",
        "touched by 10 nodes: 3, 13, 23, 33 and 6 more",
    ]


def test_nodes_of_a_line_are_one_row() -> None:
    lines = printed(RUN)

    assert "100 nodes in 10 groups by operator and launching line" in lines
    assert (
        "10 4, 14, 24 and 7 more aten.op4 layers.py:14 model.layers[*].weight cache.keys, transients" in lines
    )
    assert any("engine.scratch (unmapped), transients" in line for line in lines)


def test_one_node_with_every_argument() -> None:
    lines = printed(RUN, Selection(nodes=(13, 13)))

    for line in (
        "node 13 kernel aten.op3.out",
        "launched engine/layers.py:13 forward()",
        "waits for 12",
        "grid 4x1x1, block 128x1x1",
        "dim 3",
        "scratch write 0x30000000 engine.scratch: 4.0 MiB, unmapped",
        "allocated engine/layers.py:11 forward()",
        "freed engine/layers.py:12 forward()",
    ):
        assert line in lines, line


def test_the_next_command_names_a_node_that_is_there() -> None:
    assert printed(RUN)[-1] == "next, the node of GC202: imp-graphcheck inspect RUN --graph g1 --node 3"


def test_what_is_left_out_is_counted() -> None:
    assert "and 7 groups more; --limit shows more" in printed(RUN, limit=3)


def test_a_graph_without_arguments_says_so() -> None:
    bare = replace(GRAPH, nodes=tuple(replace(node, params=()) for node in GRAPH.nodes))

    assert (
        printed(replace(RUN, graphs=(bare,)))[1]
        == "no arguments are recorded: what it points at is not known"
    )


class TestSelection:
    def test_by_node(self) -> None:
        assert indices(nodes=(3, 5)) == [3, 4, 5]

    def test_by_text_in_any_case(self) -> None:
        assert indices(kernel="OP7") == indices(op="op7") == list(range(7, 100, 10))

    def test_by_what_is_dead(self) -> None:
        assert indices(dead=True) == list(range(3, 100, 10))

    def test_by_pointer_anywhere_in_the_allocation(self) -> None:
        assert indices(pointer=0x20000000 + 4096) == list(range(4, 100, 10))
        assert indices(pointer=0x20000000 - 1) == []

    def test_conditions_add_up(self) -> None:
        assert indices(dead=True, nodes=(0, 20), op="op3") == [3, 13]


class TestDocuments:
    def test_json_holds_the_selection_and_its_memory(self) -> None:
        document = json.loads(inspect_document(RUN, (0,), Selection(nodes=(3, 3))))
        (graph,) = document["graphs"]
        (node,) = graph["nodes"]

        assert (graph["name"], graph["nodes_total"], node["node"]["index"]) == ("g1", 100, 3)
        scratch = next(argument for argument in node["arguments"] if argument["name"] == "scratch")
        assert scratch["standing"] == "unmapped"
        assert next(argument["value"] for argument in node["arguments"] if argument["name"] == "dim") == "3"
        generations = {allocation["generation"] for allocation in document["memory"]}
        assert {a["generation"] for a in node["arguments"] if a["generation"] is not None} == generations

    def test_dot_has_nodes_edges_and_dead_memory(self) -> None:
        text = dot(RUN, (0,), Selection(nodes=(2, 4)))

        assert text.count("fillcolor=white") == 4
        assert "g1_2 -> g1_3;" in text
        assert "g1_3 -> g1_m9002 [color=red" in text
        assert "g1_1 ->" not in text

    def test_dot_quotes_what_the_program_says(self) -> None:
        text = dot(hostile(), (0,), EVERYTHING)
        unquoted = "".join(part for n, part in enumerate(text.replace('\\"', "").split('"')) if n % 2 == 0)

        assert "script" not in unquoted
        assert "\x1b" not in text


def test_hostile_names_do_not_reach_the_terminal() -> None:
    text = "\n".join(printed(hostile()))

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[31m" in text


def test_visible_spells_out_what_has_no_picture() -> None:
    assert visible("a\x1b[31m\x07\n\tb\u202e\x9b") == "a\\x1b[31m\\x07\\n\\tb\\u202e\\x9b"
    assert visible("\u00e9\u4e2d \U0001f600") == "\u00e9\u4e2d \U0001f600"
    assert visible(HOSTILE).isprintable()


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((), ""),
        ((3,), "3"),
        ((3, 4, 5), "3-5"),
        ((1, 3, 4, 9, 11, 13, 14), "1, 3-4, 9, 11 and 2 more"),
    ],
)
def test_ranges(numbers: tuple[int, ...], text: str) -> None:
    assert ranges(numbers) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("0300000000000000", "3"),
        ("ffffffffffffffff", "-1"),
        ("0000000000000840", "3"),
        ("0000803f", "1"),
        ("01", "1"),
    ],
)
def test_numbers_are_written_as_their_author_would(word: str, text: str) -> None:
    assert number_of(bytes.fromhex(word)) == text


def test_many_bytes_are_told_by_their_number() -> None:
    node = replace(GRAPH.nodes[0], params=(Param(name="table", data="00" * 24),))

    assert scalars(node) == {"table": "24 bytes"}


def test_no_bytes_are_no_zero() -> None:
    assert scalars(replace(GRAPH.nodes[0], params=(Param(name="gone", data=""),))) == {"gone": "nothing"}


def test_standing_of_memory() -> None:
    weight, *_ = RUN.memory

    assert standing(weight, GRAPH) == "live"
    assert standing(replace(weight, state="freed"), GRAPH) == "freed"
    assert standing(replace(weight, pool=POOL, state="freed"), GRAPH) == "own pool"
    assert standing(replace(weight, pool="pool 0:9"), GRAPH) == "other pool"
    assert standing(replace(weight, pool="pool 0:9", state="freed"), GRAPH) == "freed"
    assert standing(None, GRAPH) == "unknown"


def test_the_shortest_name_speaks() -> None:
    weight, *_ = RUN.memory

    assert owner(replace(weight, names=("a.long.way.round", "a.way"))) == "a.way"
    assert owner(replace(weight, names=())) == "from engine/layers.py:10"
