"""`imp-graphcheck capture`, from the outside: streams, exit codes, and what is left on disk."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import load_run
from tests.cli.conftest import PROGRAM, Cli, Start

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38;5;\d+|9[0-7])(?:;\d+)*m")


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def latest(folder: Path) -> Run:
    return load_run(folder / ".graphcheck" / "runs" / "latest")


@pytest.mark.parametrize(
    ("behaviour", "code", "verdict"),
    [
        ("clean", 0, "clean"),
        ("noisy", 0, "clean"),
        ("dies_after_finish", 0, "clean"),
        ("segfault", 1, "findings"),
        ("killed", 1, "findings"),
        ("quits", 1, "findings"),
        ("crashed", 3, "failed"),
    ],
)
def test_exit_code_verdict_and_record_agree(
    cli: Cli, tmp_path: Path, behaviour: str, code: int, verdict: str
) -> None:
    result = cli("capture", f"fake:{behaviour}")

    assert result.returncode == code, result.stderr
    assert latest(tmp_path).verdict == verdict
    assert "Traceback (most" not in result.stderr


def test_a_hang_is_a_finding(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:hang", "--timeout", "0.5")

    assert result.returncode == 1
    (finding,) = latest(tmp_path).findings
    assert finding.code == "GC209"
    assert "made no progress for" in finding.message


def test_a_hang_in_native_code_says_where(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:hang_in_native", "--timeout", "0.5")

    assert result.returncode == 1
    run = latest(tmp_path)
    assert "it hung in hang_in_native() at " in run.verdict_reason
    assert "fake_worker.py:" in run.verdict_reason
    assert "read stacks.txt" in run.findings[0].remedy
    stacks = (tmp_path / ".graphcheck" / "runs" / "latest" / "stacks.txt").read_text()
    assert stacks.startswith("main thread (innermost call first):\n  File ")
    assert "heartbeats" in stacks or "beat" in stacks


def test_a_log_without_end_is_kept_at_both_ends(cli: Cli, tmp_path: Path) -> None:
    assert cli("capture", "fake:prints_without_end").returncode in (0, 125)

    log = tmp_path / ".graphcheck" / "runs" / "latest" / "worker.log"
    assert log.stat().st_size < 9 << 20
    assert "bytes were left out here" in log.read_text()


def test_json_is_one_document_and_equals_the_file(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:segfault", "--format", "json")

    document = json.loads(result.stdout)
    assert document["verdict"] == "findings"
    assert document["command"][:3] == ["imp-graphcheck", "capture", "fake:segfault"]
    assert result.stdout == (tmp_path / ".graphcheck" / "runs" / "latest" / "run.json").read_text()


def test_stdout_carries_the_tables_and_stderr_one_line_per_stage(cli: Cli) -> None:
    result = cli("capture", "fake:clean")

    assert result.stdout.startswith("CLEAN  fake:clean on sim")
    assert [line.split()[:2] for line in result.stderr.splitlines()] == [["load", "ok"], ["replay", "ok"]]
    assert not any(line != line.rstrip() for line in result.stdout.splitlines())


def test_quiet_says_nothing_on_stderr(cli: Cli) -> None:
    assert cli("capture", "fake:clean", "-q").stderr == ""


def test_what_the_child_printed_is_kept_and_quoted(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:segfault")

    log = tmp_path / ".graphcheck" / "runs" / "latest" / "worker.log"
    assert log.read_text() == "about to touch nothing\n"
    assert "    about to touch nothing" in result.stdout.splitlines()


def test_input_that_the_child_turns_down(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:rejected")

    assert result.returncode == 2
    assert (result.stdout, result.stderr) == (
        "",
        "error: no such shape: rejected.\nhint: try qwen3-moe-tiny\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_input_turned_down_late_leaves_nothing_either(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:rejected_late", "-q")

    assert result.returncode == 2
    assert result.stderr == "error: the config contradicts the weights.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_run_does_not_touch_the_runs_before_it(cli: Cli, tmp_path: Path) -> None:
    cli("capture", "fake:clean")
    before = latest(tmp_path)

    cli("capture", "fake:rejected_late")

    assert latest(tmp_path) == before
    assert len(list((tmp_path / ".graphcheck" / "runs").iterdir())) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("capture", "no/such/place"),
        ("capture", "fake:clean", "--chunk", "0"),
        ("capture", "fake:clean", "--output", "/proc/nowhere"),
        ("capture", "fake:clean", "--device", "tpu"),
        ("capture", "fake:clean", "--pp", "many"),
        ("capture", "fake:clean", "--no-such-option"),
        ("capture",),
        ("catpure", "fake:clean"),
    ],
)
def test_bad_usage(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments)

    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_dies_at_once_is_our_error(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:early_death")

    assert result.returncode == 3
    assert result.stderr.splitlines() == [
        "error: the child process died with SIGKILL before there was anything to save.",
        "the last lines that it printed:",
        "    the last thing it said",
    ]


def test_a_crash_names_its_traceback_and_shows_it_on_request(cli: Cli, tmp_path: Path) -> None:
    result = cli("capture", "fake:crashed", "-q", environment={"IMP_GRAPHCHECK_TRACEBACK": "1"})

    message, traceback, blank, details = result.stderr.splitlines()
    assert message == "error: ZeroDivisionError: division by zero."
    assert (traceback, blank) == ("Traceback: line 1", "")
    saved = tmp_path / details.removeprefix("details: ")
    assert saved.read_text() == "Traceback: line 1\n"


def test_a_bug_is_exit_code_3_with_a_saved_traceback(cli: Cli) -> None:
    result = cli("capture", "fake:babbles", "-q")

    assert result.returncode == 3
    message, details = result.stderr.splitlines()
    assert message.startswith("error: imp-graphcheck itself failed: ")
    report = Path(details.removeprefix("details: "))
    assert report.read_text().startswith("Traceback (most recent call last)")
    report.unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("hang", "interrupted during replay"), ("polite", "stopped after 3 of 12 replays")],
)
def test_ctrl_c_leaves_a_readable_run(
    start: Start, tmp_path: Path, number: signal.Signals, behaviour: str, reason: str
) -> None:
    process = start("capture", f"fake:{behaviour}")
    wait_for(lambda: list(tmp_path.glob(".graphcheck/runs/*/ready")))
    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert out.startswith(f"INTERRUPTED  fake:{behaviour} on sim")
    run = latest(tmp_path)
    assert (run.verdict, run.verdict_reason) == ("interrupted", reason)
    assert [(stage.name, stage.status) for stage in run.stages] == [("load", "ok"), ("replay", "interrupted")]


def test_a_reader_that_goes_away_changes_nothing(start: Start, tmp_path: Path) -> None:
    process = start("capture", "fake:clean")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    errors = process.stderr.read()

    assert process.wait(timeout=30) == 0
    assert "Broken" not in errors


def test_a_terminal_that_cannot_show_a_character(cli: Cli) -> None:
    result = cli("capture", "fàke:clean", environment={"PYTHONIOENCODING": "ascii"})

    assert result.returncode == 0, result.stderr
    assert r"f\xe0ke:clean" in result.stdout


def test_an_argument_that_is_no_text_is_bad_usage(cli: Cli) -> None:
    result = cli("capture", os.fsdecode(b"f\xffke:clean"))

    assert result.returncode == 2
    assert result.stderr.startswith(r"error: 'f\udcffke:clean' is not valid text")


def test_live_progress_stays_on_the_terminal(tmp_path: Path) -> None:
    """There is a bar on stderr while stdout is a pipe."""
    screen, out = run_on_terminal(tmp_path, "fake:slow", stdout=subprocess.PIPE)

    assert "replay" in screen
    assert out.startswith(b"CLEAN")
    assert b"\x1b" not in out


def test_no_color_keeps_colours_off_the_terminal(tmp_path: Path) -> None:
    coloured, _ = run_on_terminal(tmp_path, "fake:slow")
    plain, _ = run_on_terminal(tmp_path, "fake:slow", NO_COLOR="1")

    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)


def test_a_terminal_without_unicode(tmp_path: Path) -> None:
    screen, _ = run_on_terminal(tmp_path, "fàke:clean", PYTHONIOENCODING="ascii")

    assert r"f\xe0ke:clean on sim" in screen


def run_on_terminal(
    folder: Path, model: str, *, stdout: int | None = None, **environment: str
) -> tuple[str, bytes]:
    """What `capture MODEL` showed on its terminal (stderr, and stdout unless it goes elsewhere), and its stdout."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "capture", model],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        stdout=stdout or terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown: list[bytes] = []
    reader = threading.Thread(target=drain, args=(screen, shown))
    reader.start()
    out, _ = process.communicate(timeout=60)
    reader.join(timeout=10)
    os.close(screen)
    assert process.returncode == 0, b"".join(shown)
    return b"".join(shown).decode(), out


def drain(screen: int, shown: list[bytes]) -> None:
    while True:
        try:
            data = os.read(screen, 65536)
        except OSError:
            return  # EIO: the last process that had the terminal open is gone
        if not data:
            return
        shown.append(data)
