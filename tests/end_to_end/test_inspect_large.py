"""`imp-graphcheck inspect` on a graph of more than a thousand nodes, through the installed command."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imp_graphcheck.record.store import save_run
from tests.reports.large import large

Run = Callable[..., "subprocess.CompletedProcess[str]"]
LAYERS = 150
RUN = large(LAYERS)
NODES = RUN.graphs[0].nodes
SCRATCH, CACHE = 0x30000000, 0x20000000

STATEMENT = re.compile(
    r"""\s*(digraph\ \w+\ \{ | subgraph\ \w+\ \{ | \}
        | (rankdir|label)=("(\\.|[^"\\])*"|\w+);
        | \w+(\ ->\ \w+)?(\ \[(\w+=("(\\.|[^"\\])*"|\w+)(,\ )?)+\])?;)""",
    re.VERBOSE,
)
"""What a line of the DOT that is written may be, after the grammar of Graphviz."""


@pytest.fixture
def saved(tmp_path: Path) -> str:
    directory = tmp_path / "large"
    directory.mkdir()
    save_run(RUN, directory)
    return str(directory)


def shown(done: "subprocess.CompletedProcess[str]") -> list[int]:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (graph,) = json.loads(done.stdout)["graphs"]
    assert graph["nodes_total"] == len(NODES) == 1500
    return [node["node"]["index"] for node in graph["nodes"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((), list(range(1500))),
        (("--node", "1203"), [1203]),
        (("--node", "998-1003"), list(range(998, 1004))),
        (("--node", "1499-9999"), [1499]),
        (("--kernel", "OP7.out"), list(range(7, 1500, 10))),
        (("--op", "aten.op9"), list(range(9, 1500, 10))),
        (("--pointer", hex(SCRATCH + 4096)), list(range(3, 1500, 10))),
        (("--pointer", str(CACHE)), list(range(4, 1500, 10))),
        (("--pointer", "0x1"), []),
        (("--dead",), list(range(3, 1500, 10))),
        (("--dead", "--node", "1000-1100", "--op", "op3"), list(range(1003, 1100, 10))),
    ],
)
def test_json_holds_the_nodes_that_were_asked_for_and_nothing_else(
    run: Run, saved: str, filters: tuple[str, ...], expected: list[int]
) -> None:
    assert shown(run("inspect", saved, "--format", "json", *filters)) == expected


def test_json_joins_nodes_with_their_memory(run: Run, saved: str) -> None:
    done = run("inspect", saved, "--format", "json", "--node", "1203")
    document: dict[str, Any] = json.loads(done.stdout)
    (node,) = document["graphs"][0]["nodes"]
    allocations = {allocation["generation"]: allocation for allocation in document["memory"]}
    scratch = next(argument for argument in node["arguments"] if argument["name"] == "scratch")

    assert allocations[scratch["generation"]]["names"] == ["engine.scratch"]
    assert (scratch["standing"], scratch["access"], scratch["address"]) == ("unmapped", "write", SCRATCH)
    assert node["launch_site"]["line"] == 13


@pytest.mark.parametrize(
    ("filters", "nodes", "edges"), [((), 1500, 1499), (("--op", "op3"), 150, 0), (("--node", "5-9"), 5, 4)]
)
def test_dot_is_dot(run: Run, saved: str, filters: tuple[str, ...], nodes: int, edges: int) -> None:
    done = run("inspect", saved, "--format", "dot", *filters)
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [line for line in lines if not STATEMENT.fullmatch(line)] == []
    assert done.stdout.count("{") == done.stdout.count("}")
    assert len([line for line in lines if re.match(r"\s+g1_\d+ \[label=", line)]) == nodes
    assert len([line for line in lines if re.fullmatch(r"\s+g1_\d+ -> g1_\d+;", line)]) == edges


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ((), ("1500 nodes (kernel 1350, memcpy 150)", "engine.scratch (unmapped)", "150", "aten.op3")),
        (("--kernel", "op3.out"), ("150 nodes in 1 group", "3, 13, 23 and 147 more")),
        (("--op", "op9", "--node", "0-40"), ("node 9  memcpy", "node 39  memcpy", "copy")),
        (("--pointer", "0x30000000", "--node", "1203"), ("node 1203", "engine.scratch", "unmapped")),
        (("--op", "nothing"), ("No node matches",)),
        (("--limit", "4"), ("and 6 groups more; --limit shows more",)),
    ],
)
def test_tables(run: Run, saved: str, filters: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = run("inspect", saved, *filters)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [word for word in words if word not in done.stdout] == []
    assert len(done.stdout.splitlines()) < 60


def test_the_page_is_small_and_opens_at_once(run: Run, saved: str, tmp_path: Path) -> None:
    done = run("report", saved, "-o", "page.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").stat().st_size < 500_000
