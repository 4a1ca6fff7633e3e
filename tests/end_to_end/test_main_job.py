"""`imp-graphcheck capture` on the checkpoints that ship with the repository, and what it leaves behind."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from imp_graphcheck.record.store import load_run

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SMALL = ("--pp", "256", "--chunk", "64", "--reps", "1", "--device", "sim")
STAGES = [
    "load",
    "prewarm",
    "warm-up",
    "eager",
    "noise floor",
    "capture",
    "inspect",
    "replay",
    "compare",
    "speed",
    "host-state",
]


def test_nothing_is_left_untried_when_all_is_asked_for(run: Run, tmp_path: Path) -> None:
    size = ("--pp", "64", "--chunk", "32", "--requests", "2", "--reps", "0", "--device", "sim")
    done = run("capture", str(CHECKPOINTS / "qwen3-tiny"), *size, "--probe", "all")
    assert done.returncode == 0, done.stdout
    saved = load_run(tmp_path / ".graphcheck" / "runs" / "latest")
    assert not [note for note in saved.notes if note.startswith("not tried")]
    assert {probe.probe for probe in saved.probes} >= {"host state", "delay", "padding", "first use"}


@pytest.mark.parametrize("model", ["qwen3-tiny", "qwen3-moe-tiny"])
def test_shipped_checkpoints_end_clean(run: Run, tmp_path: Path, model: str) -> None:
    done = run("capture", str(CHECKPOINTS / model), *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"CLEAN  {model} on sim")
    for stage in STAGES:
        assert stage in done.stdout
    latest = tmp_path / ".graphcheck" / "runs" / "latest"
    saved = load_run(latest)
    assert saved.verdict == "clean"
    assert "not tried: delay, padding, first-use (--probe all)" in saved.notes
    assert [stage.name for stage in saved.stages] == STAGES
    assert load_file(latest / "eager.safetensors").keys() == {
        f"call-{call.call:04d}/0" for call in saved.calls
    }
    captured = load_file(latest / "captured.safetensors")
    assert len(captured) == len(saved.calls)


def test_json_is_one_document_and_equals_the_saved_run(run: Run, tmp_path: Path) -> None:
    done = run("capture", str(CHECKPOINTS / "qwen3-tiny"), *SMALL, "--format", "json")
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / ".graphcheck/runs/latest/run.json").read_text())
    assert set(document) >= {
        "schema_version", "command", "environment", "target", "verdict", "stages", "calls", "replays", "findings"
    }  # fmt: skip
    assert set(document["stages"][0]) == {"name", "status", "seconds", "detail"}
    assert set(document["calls"][0]) >= {"request", "call", "key", "max_abs_delta", "kld", "top1_agreement"}
    assert document["replays"] == sum(graph["replays"] for graph in document["graphs"]) > 0
    offsets = {call["label"] for call in document["calls"]}
    assert {"q_offset 0, 64 tokens", "q_offset 64, 64 tokens", "q_offset 192, 64 tokens"} <= offsets


@pytest.mark.parametrize(
    ("fault", "code", "statuses"),
    [
        ("per-call-scratch", "GC202", {"capture": "ok", "replay": "failed", "compare": "skipped"}),
        ("baked-q-offset", "GC501", {"capture": "ok", "replay": "ok", "compare": "failed"}),
        ("skipped-first-replay", "GC408", {"capture": "ok", "replay": "ok", "compare": "failed"}),
    ],
)
def test_faults_are_found(run: Run, tmp_path: Path, fault: str, code: str, statuses: dict[str, str]) -> None:
    done = run("capture", str(CHECKPOINTS / "qwen3-moe-tiny"), *SMALL, "--fault", fault)
    assert done.returncode == 1
    verdict, cause = done.stdout.splitlines()[:2]
    assert verdict.startswith("FINDINGS")
    assert cause.split()[1:3] == ["error", "confirmed"]
    saved = load_run(tmp_path / ".graphcheck" / "runs" / "latest")
    assert code in {finding.code for finding in saved.findings}
    found = {stage.name: stage.status for stage in saved.stages}
    assert {name: found[name] for name in statuses} == statuses


def test_examples_do_what_they_say(run: Run) -> None:
    right = run("capture", f"{EXAMPLES / 'right.py'}:target", "--device", "sim")
    assert (right.returncode, right.stdout[:5]) == (0, "CLEAN")
    wrong = run("capture", f"{EXAMPLES / 'wrong.py'}:target", "--device", "sim")
    assert wrong.returncode == 1
    assert wrong.stdout.splitlines()[1].startswith("GC30")


@pytest.mark.parametrize("name", ["right.py", "wrong.py"])
def test_examples_are_short(name: str) -> None:
    code = (EXAMPLES / name).read_text().split("import torch", 1)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30


def test_graphs_that_are_off_are_inconclusive(run: Run) -> None:
    done = run("capture", "qwen3-tiny", *SMALL, IMP_PREFILL_GRAPH="0")
    assert done.returncode == 125
    assert done.stdout.startswith("INCONCLUSIVE")
    assert "IMP_PREFILL_GRAPH=0" in done.stdout
    assert run("capture", "qwen3-tiny", *SMALL, "--fail-on", "warning", IMP_PREFILL_GRAPH="0").returncode == 1


def test_capture_mode_comes_from_the_environment(run: Run) -> None:
    done = run("capture", "qwen3-tiny", *SMALL, IMP_GRAPH_CAPTURE_MODE="sideways")
    assert done.returncode == 2
    assert "sideways" in done.stderr


def test_output_of_the_program_does_not_reach_stdout(run: Run, tmp_path: Path) -> None:
    source = (
        (EXAMPLES / "right.py")
        .read_text()
        .replace("self.length.fill_", 'print("noise" * 1000); self.length.fill_')
    )
    (tmp_path / "loud.py").write_text(source)
    done = run("capture", "loud.py:target", "--device", "sim", "--format", "json")
    assert json.loads(done.stdout)["verdict"] == "clean"
    assert "noise" in (tmp_path / ".graphcheck/runs/latest/worker.log").read_text()
