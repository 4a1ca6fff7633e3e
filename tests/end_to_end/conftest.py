"""The installed command, run as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = Path(sys.executable).with_name("imp-graphcheck")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """`run("capture", "qwen3-tiny", ...)` in an empty directory."""
    command = [str(INSTALLED)] if INSTALLED.exists() else [sys.executable, "-m", "imp_graphcheck"]
    # Beside other tests, threads inside torch only fight over the cores.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "NO_COLOR": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        str(ROOT / part) for part in (".", "engine", "kernels", "reports")
    )

    def started(*arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={**environment, **extra},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return started
