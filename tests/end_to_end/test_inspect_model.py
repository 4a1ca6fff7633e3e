"""`imp-graphcheck inspect MODEL`, through the installed command: captured and looked at, never replayed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parents[2]
RIGHT = f"{ROOT / 'docs' / 'examples' / 'right.py'}:target"
WRONG = f"{ROOT / 'docs' / 'examples' / 'wrong.py'}:target"
CHECKPOINT = str(ROOT / "tests" / "checkpoints" / "qwen3-moe-tiny")


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / ".graphcheck/runs/latest/run.json").read_text())
    return found


def test_a_right_program_is_looked_at_and_not_replayed(run: Run, tmp_path: Path) -> None:
    done = run("inspect", RIGHT, "--device", "sim", "-q")
    saved = document(tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("INSPECTED  running mean")
    assert "nothing replayed" in done.stdout.splitlines()[0]
    assert "aten.where.self" in done.stdout
    assert "next, to replay them too: imp-graphcheck capture" in done.stdout
    assert (saved["verdict"], saved["replays"], saved["calls"]) == ("inspected", 0, [])
    assert [graph["replays"] for graph in saved["graphs"]] == [0]
    status = {stage["name"]: stage["status"] for stage in saved["stages"]}
    assert [status[name] for name in ("capture", "inspect", "replay", "compare", "speed")] == [
        "ok",
        "ok",
        "skipped",
        "skipped",
        "skipped",
    ]


def test_a_finding_makes_the_exit_code_1(run: Run, tmp_path: Path) -> None:
    done = run("inspect", CHECKPOINT, "--fault", "per-call-scratch", "--device", "sim", "--pp", "512", "-q")

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("FINDINGS  qwen3-moe-tiny on sim: 1 error")
    assert "GC202" in done.stdout
    assert document(tmp_path)["replays"] == 0


def test_what_is_found_is_measured_against_fail_on(run: Run) -> None:
    refused = "imp_graphcheck.faults.programs.captures:RaisesInCapture"
    done = run("inspect", refused, "--device", "sim", "-q")

    assert done.returncode == 1, done.stderr
    assert "GC109" in done.stdout


def test_json_of_a_model_can_be_piped(run: Run, tmp_path: Path) -> None:
    done = run("inspect", RIGHT, "--device", "sim", "--format", "json")

    assert done.returncode == 0, done.stderr
    nodes = [node["node"]["index"] for graph in json.loads(done.stdout)["graphs"] for node in graph["nodes"]]
    assert nodes == list(range(len(document(tmp_path)["graphs"][0]["nodes"])))
    assert "inspect" in done.stderr


def test_a_saved_run_of_it_reads_like_any_other(run: Run) -> None:
    assert run("inspect", RIGHT, "--device", "sim", "-q", "--output", "elsewhere").returncode == 0
    again = run("inspect", "elsewhere/runs/latest")
    assert again.returncode == 0, again.stderr
    assert "aten.where.self" in again.stdout
    page = run("report", "elsewhere/runs/latest", "-o", "-")
    assert '<h1 class="inspected">Inspected</h1>' in page.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((RIGHT, "--device", "sim", "--pp", "0"), "--pp 0"),
        ((RIGHT, "--device", "sim", "--pointer", "here"), "not an address"),
        (("no-such-shape", "--device", "sim"), "no-such-shape"),
        (("runs/of-nobody",), "no run can be read"),
        (("latest", "--pp", "5"), "--pp is for a MODEL"),
        (("latest", "-q"), "--quiet is for a MODEL"),
    ],
)
def test_bad_input_leaves_nothing(run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = run("inspect", *arguments)

    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())
