"""Whatever a child does, the parent knows what became of it and nothing is left running."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child import (
    ChannelError,
    Completed,
    CrashedInside,
    Died,
    Ending,
    Hung,
    Interrupted,
    Refused,
)
from imp_graphcheck.child import listener as listener_module
from imp_graphcheck.child.ending import describe_exit
from imp_graphcheck.child.events import Event, Progress, StageFinished
from imp_graphcheck.child.log import tail
from tests.child.trial import WORKER, Trial, alive, gone


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("clean", Completed()),
        ("beats_only", Completed()),
        ("noisy", Completed()),
        ("rejected", Refused(message="no such shape: rejected.", hint="try qwen3-moe-tiny")),
        (
            "crashed",
            CrashedInside(message="ZeroDivisionError: division by zero", traceback="Traceback: line 1\n"),
        ),
        ("killed", Died(how="died with SIGKILL", returncode=-signal.SIGKILL)),
        ("segfault", Died(how="died with SIGSEGV", returncode=-signal.SIGSEGV)),
        ("terminated", Died(how="died with SIGTERM", returncode=-signal.SIGTERM)),
        ("raises", Died(how="exited with status 1", returncode=1)),
        ("quits", Died(how="exited with status 7", returncode=7)),
        ("leaves_grandchild", Died(how="exited with status 7", returncode=7)),
        ("dies_mid_line", Died(how="exited with status 0", returncode=0)),
        ("dies_after_finish", Completed(afterwards="the process died with SIGSEGV after it had finished")),
    ],
)
def test_every_end_is_told_apart(trial: Trial, behaviour: str, expected: Ending) -> None:
    assert _without_stacks(trial.run(behaviour)) == expected


def _without_stacks(ending: Ending) -> Ending:
    return replace(ending, stacks=()) if isinstance(ending, Died) else ending


def test_a_crash_of_native_code_says_which_line_called_it(trial: Trial) -> None:
    ending = trial.run("segfault")

    assert isinstance(ending, Died)
    assert [frame.function for frame in ending.stacks[0].frames][:2] == ["string_at", "segfault"]


def test_whoever_is_killed_leaves_no_stacks(trial: Trial) -> None:
    ending = trial.run("killed")

    assert isinstance(ending, Died)
    assert ending.stacks == ()


def test_the_first_event_may_take_longer(trial: Trial) -> None:
    assert isinstance(trial.run("slow_start", timeout=1.0), Hung)
    assert trial.run("slow_start", timeout=1.0, startup_timeout=30.0) == Completed()


def test_after_the_first_event_it_may_not(trial: Trial) -> None:
    ending = trial.run("hang", timeout=0.5, startup_timeout=30.0)

    assert isinstance(ending, Hung)
    assert ending.seconds < 10


def test_events_arrive_in_order(trial: Trial) -> None:
    trial.run("clean")

    expected = [
        "RunStarted",
        "StageStarted",
        "StageFinished",
        "StageStarted",
        "Progress",
        "StageFinished",
        "Finished",
    ]
    assert trial.names() == expected
    assert [event.stage.name for event in trial.events if isinstance(event, StageFinished)] == [
        "load",
        "replay",
    ]


def test_an_exception_that_nobody_catches_is_in_the_log(trial: Trial) -> None:
    trial.run("raises")

    assert tail(trial.log, 2) == ("LookupError: nobody catches this", "at the end")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_child_that_is_ended_from_outside(trial: Trial, number: signal.Signals) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, Progress):
            (directory,) = trial.output.glob("runs/run-*")
            os.kill(int(directory.name.removeprefix("run-")), number)

    ending = trial.run("hang", on_event=on_event)
    assert _without_stacks(ending) == Died(how=f"died with {number.name}", returncode=-number)


def test_what_is_printed_neither_blocks_nor_leaks(trial: Trial, capfd: pytest.CaptureFixture[str]) -> None:
    trial.run("noisy")

    assert os.fstat(trial.log.fileno()).st_size > 8 << 20
    assert capfd.readouterr() == ("", "")


def test_a_silent_child_is_killed(trial: Trial) -> None:
    ending = trial.run("hang", timeout=0.5)

    assert isinstance(ending, Hung)
    assert 0.5 <= ending.seconds < 3
    assert ending.responsive is None


def test_a_stage_that_is_known_to_be_quick_hangs_sooner(trial: Trial) -> None:
    ending = trial.run("hang_in_a_quick_stage", timeout=60.0)

    assert isinstance(ending, Hung)
    assert 0.5 <= ending.seconds < 10
    assert isinstance(trial.run("slow_after_a_quick_stage", timeout=60.0), Completed)


def test_heartbeats_are_no_progress(trial: Trial) -> None:
    """A thread can send them while the main thread waits for a device that never answers."""
    ending = trial.run("hang_beating", timeout=0.5)

    assert isinstance(ending, Hung)
    assert ending.responsive


def test_a_silent_interpreter_is_told_from_a_silent_device(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "HEARTBEAT_STALE_SECONDS", 0.2)

    ending = trial.run("stops_beating", timeout=0.8)

    assert isinstance(ending, Hung)
    assert ending.responsive is False


def test_a_slow_child_that_makes_progress_is_left_alone(trial: Trial) -> None:
    """It takes 1.2 s in all."""
    assert trial.run("slow", timeout=0.8) == Completed()


def test_a_line_that_is_no_event_is_our_error(trial: Trial) -> None:
    with pytest.raises(ChannelError, match="hello"):
        trial.run("babbles")


def interrupting(trial: Trial, times: int = 1) -> Callable[[Event], None]:
    """Ctrl-C once the child is in its second stage; again, a little later, if `times` says so."""

    def on_event(event: Event) -> None:
        trial.events.append(event)
        if isinstance(event, Progress):
            trial.wait_until_ready()
            for n in range(1, times):
                threading.Timer(0.3 * n, os.kill, (os.getpid(), signal.SIGINT)).start()
            raise KeyboardInterrupt

    return on_event


def test_ctrl_c_lets_the_child_save(trial: Trial) -> None:
    assert trial.run("polite", on_event=interrupting(trial)) == Interrupted()

    (record,) = trial.output.glob("runs/run-*/run.json")
    assert b"stopped after 3 of 12 replays" in record.read_bytes()


def test_events_that_had_arrived_before_ctrl_c_are_not_lost(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They came in one piece with the event that was being handled, and nothing comes after them."""
    monkeypatch.setattr(listener_module, "INTERRUPT_GRACE_SECONDS", 0.5)

    def on_event(event: Event) -> None:
        trial.events.append(event)
        if len(trial.events) == 1:
            trial.wait_until_ready()  # by now everything else lies in the pipe
        elif len(trial.events) == 3:
            raise KeyboardInterrupt

    assert trial.run("deaf", on_event=on_event) == Interrupted()

    assert trial.names() == ["RunStarted", "StageStarted", "StageFinished", "StageStarted", "Progress"]


def test_ctrl_c_ends_a_child_that_ignores_it(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "INTERRUPT_GRACE_SECONDS", 0.5)

    assert trial.run("stubborn", on_event=interrupting(trial)) == Interrupted()

    assert_grandchild_gone(trial)


def test_a_second_ctrl_c_does_not_wait(trial: Trial) -> None:
    started = time.monotonic()

    assert trial.run("stubborn", on_event=interrupting(trial, times=2)) == Interrupted()

    assert time.monotonic() - started < listener_module.INTERRUPT_GRACE_SECONDS
    assert_grandchild_gone(trial)


def test_nothing_is_left_when_the_listener_raises(trial: Trial) -> None:
    def broken(event: Event) -> None:
        if isinstance(event, Progress):
            trial.wait_until_ready()
            raise RuntimeError("display is broken")

    with pytest.raises(RuntimeError, match="display"):
        trial.run("stubborn", on_event=broken)

    assert_grandchild_gone(trial)


def assert_grandchild_gone(trial: Trial) -> None:
    (line,) = tail(trial.log)
    assert gone(int(line.removeprefix("grandchild ")))


def test_a_child_does_not_survive_its_parent(tmp_path: Path) -> None:
    """The parent is killed with SIGKILL and can clean up nothing."""
    settings = msgspec.to_builtins(CaptureSettings(model="fake:deaf", output=str(tmp_path)))
    program = (
        "import tempfile\n"
        "from imp_graphcheck.child import run_child\n"
        f"run_child([{WORKER!r}], {settings!r}, on_event=lambda e: print(e, flush=True), timeout=60,"
        " log=tempfile.TemporaryFile())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert any("Progress" in line for line in parent.stdout)
        (directory,) = (tmp_path / "runs").glob("run-*")
        child = int(directory.name.removeprefix("run-"))
        assert alive(child)
        parent.kill()
    assert gone(child)


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (-6, "died with SIGABRT"),
        (-99, "died with signal 99"),
    ],
)
def test_exit_statuses_in_words(returncode: int, words: str) -> None:
    assert describe_exit(returncode) == words
