"""SIGKILL at any moment: what was seen until then is on disk, whole, and can be read."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import load_run

ROOT = Path(__file__).parents[2]
CAPTURE = (
    "capture",
    "qwen3-tiny",
    "--device",
    "sim",
    "--pp",
    "256",
    "--chunk",
    "64",
    "--requests",
    "2",
    "--reps",
    "60",
)
PATIENCE_SECONDS = 60


@pytest.fixture
def capture(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, at work in a process group of its own."""
    path = os.pathsep.join(str(ROOT / part) for part in (".", "engine", "kernels", "reports"))
    running = subprocess.Popen(
        [sys.executable, "-m", "imp_graphcheck", *CAPTURE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield running
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def document(folder: Path) -> dict[str, Any] | None:
    """What is on disk now, as a stranger reads it."""
    files = list(folder.glob(".graphcheck/runs/*/run.json"))
    found: dict[str, Any] | None = json.loads(files[0].read_bytes()) if files else None
    return found


def wait_until(folder: Path, stage: str) -> None:
    """Until the record says that `stage` is over; every version of it that is seen on the way must be whole."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = document(folder)
        if found is not None and any(each["name"] == stage for each in found["stages"]):
            return
        time.sleep(0.005)
    raise AssertionError(f"{stage} did not end in {PATIENCE_SECONDS} s")


def child_of(parent: int) -> int:
    """The process that runs the stages."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                return int(entry.name)
    raise AssertionError(f"{parent} has no child")


def the_run(folder: Path) -> Run:
    (file,) = {path.resolve() for path in folder.glob(".graphcheck/runs/*/run.json")}
    return load_run(file)


@pytest.mark.parametrize("stage", ["load", "eager", "capture", "inspect", "replay"])
def test_both_processes(capture: "subprocess.Popen[bytes]", tmp_path: Path, stage: str) -> None:
    wait_until(tmp_path, stage)
    os.killpg(capture.pid, signal.SIGKILL)
    capture.wait()

    run = the_run(tmp_path)

    names = [each.name for each in run.stages]
    assert stage in names
    assert run.verdict in ("running", "clean")
    if "inspect" in names:
        assert all(graph.nodes and graph.sites for graph in run.graphs)
        assert run.memory
    if "replay" in names:
        assert run.replays


@pytest.mark.parametrize("stage", ["warm-up", "inspect"])
def test_the_child_alone(capture: "subprocess.Popen[bytes]", tmp_path: Path, stage: str) -> None:
    wait_until(tmp_path, stage)
    os.kill(child_of(capture.pid), signal.SIGKILL)

    assert capture.wait(timeout=PATIENCE_SECONDS) in (1, 125)

    run = the_run(tmp_path)
    assert run.verdict in ("inconclusive", "findings")
    # It may be hit between two stages, where none is under way.
    assert "SIGKILL" in " ".join((run.verdict_reason, *(each.detail for each in run.stages)))


def test_the_parent_alone_leaves_no_orphan(capture: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    wait_until(tmp_path, "warm-up")
    child = child_of(capture.pid)
    capture.kill()
    capture.wait()

    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and _is_alive(child):
        time.sleep(0.05)

    assert not _is_alive(child)
    assert the_run(tmp_path).stages


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
