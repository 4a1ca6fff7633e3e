"""A disk that fills up: one sentence, exit code 3, and what had been saved can be read."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

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
    "-q",
)
COMMAND = [sys.executable, "-m", "imp_graphcheck", *CAPTURE]


def environment() -> dict[str, str]:
    path = os.pathsep.join(str(ROOT / part) for part in (".", "engine", "kernels", "reports"))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def the_run(folder: Path) -> Run:
    (file,) = folder.glob(".graphcheck/runs/2*/run.json")
    return load_run(file)


def assert_one_sentence(done: "subprocess.CompletedProcess[str]", words: str) -> None:
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr


@pytest.mark.parametrize(
    ("limit", "last_stage"),
    [(200, None), (1_000, ""), (10_000, "eager"), (200_000, "capture")],
    ids=["record", "stages", "tensors", "nodes"],
)
def test_files_that_may_not_grow(tmp_path: Path, limit: int, last_stage: str | None) -> None:
    """Every file that the command or its child writes is cut off at `limit` bytes."""
    done = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )

    if last_stage is None:
        assert done.returncode == 3
        assert not (tmp_path / ".graphcheck").exists()
        return
    assert_one_sentence(done, "File too large")
    run = the_run(tmp_path)
    assert last_stage in ["", *(stage.name for stage in run.stages)]
    assert run.verdict in ("running", "failed")
    assert not list(tmp_path.glob(".graphcheck/runs/*/.*")), "half a file was left"


@pytest.mark.parametrize("kilobytes", [4, 400])
def test_a_disk_without_room(tmp_path: Path, kilobytes: int) -> None:
    """A file system of its own, in a namespace of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k none {disk}"
    enter = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*enter, mount], capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not mount a file system")
    script = f'{mount} && cd {disk} && "$@"; status=$?; cp -R .graphcheck {tmp_path}; exit $status'

    done = subprocess.run(
        [*enter, script, "sh", *COMMAND], env=environment(), capture_output=True, text=True, check=False
    )

    assert_one_sentence(done, "No space left on device")
    assert the_run(tmp_path).stages or kilobytes == 4
