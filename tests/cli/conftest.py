"""The command line in a process of its own, with a fake child behind it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

FAKE_WORKER = Path(__file__).parents[1] / "child" / "fake_worker.py"

PROGRAM = f"""
import functools
from imp_graphcheck.capture import launch
launch.run_capture = functools.partial(launch.run_capture, worker=({str(FAKE_WORKER)!r},))
from imp_graphcheck.cli import main
main()
"""

Start = Callable[..., "subprocess.Popen[str]"]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start `imp-graphcheck ARGUMENTS` in an empty folder."""

    def popen(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=tmp_path,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return popen


@pytest.fixture
def cli(start: Start) -> Cli:
    """Run `imp-graphcheck ARGUMENTS` to its end."""

    def run(
        *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        process = start(*arguments, environment=environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run
