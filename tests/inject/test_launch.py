"""A command is run as it is: its output, its exit status and its signals are its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject.launch import environment_for, run_command

LAUNCH = (
    "import os, sys\n"
    "from imp_graphcheck.inject.launch import run_command\n"
    "print(run_command(sys.argv[1:], os.environ), flush=True)\n"
)


@pytest.mark.parametrize("status", [0, 3, 125])
def test_the_exit_status_is_the_commands(status: int) -> None:
    assert run_command(["sh", "-c", f"exit {status}"], os.environ) == status


def test_a_signal_is_a_negative_status() -> None:
    assert run_command(["sh", "-c", "kill -9 $$"], os.environ) == -signal.SIGKILL


def test_all_that_it_prints_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    run_command(["sh", "-c", "echo out; echo err >&2"], os.environ)

    assert capfd.readouterr() == ("", "out\nerr\n")


def test_the_command_gets_the_environment() -> None:
    assert run_command(["sh", "-c", 'test "$IT" = here'], {**os.environ, "IT": "here"}) == 0


def test_no_signal_stays_blocked() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    run_command(["true"], os.environ)

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    # The child's mask is the ordinary one too: SIGINT reaches it.
    assert run_command(["sh", "-c", "kill -INT $$; sleep 5"], os.environ) == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_tool_alone_is_handed_on(number: signal.Signals) -> None:
    command = f"trap 'echo got it; exit 7' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH, "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as tool:
        assert tool.stdout is not None
        assert tool.stdout.readline() == "ready\n"
        time.sleep(0.3)
        tool.send_signal(number)
        rest = tool.stdout.read()

    assert rest == "got it\n7\n"
    assert tool.returncode == 0


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ([], "no command was given"),
        (["/no/such/engine"], "/no/such/engine cannot be run: No such file"),
        (["/etc/passwd"], "/etc/passwd cannot be run: Permission denied"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(command: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run_command(command, os.environ)


def test_the_environment_names_all_that_the_library_needs(tmp_path: Path) -> None:
    environment = environment_for(
        tmp_path / "library.so",
        tmp_path,
        (Path("/a/libcupti.so.13"), Path("/b/libcupti.so.12")),
        base={"A": "B"},
    )

    assert environment == {
        "A": "B",
        "CUDA_INJECTION64_PATH": str(tmp_path / "library.so"),
        "IMP_GRAPHCHECK_TRACE_DIR": str(tmp_path),
        "IMP_GRAPHCHECK_TRACE_BYTES": str(256 << 20),
        "IMP_GRAPHCHECK_CUPTI": "/a/libcupti.so.13:/b/libcupti.so.12",
    }
