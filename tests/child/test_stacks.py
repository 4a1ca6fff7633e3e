"""A child that hangs says where, even if no Python can run in it any more."""

import os
import time
from pathlib import Path

import pytest

from imp_graphcheck.child import Hung
from imp_graphcheck.child import stacks as stacks_module
from imp_graphcheck.child.log import tail
from imp_graphcheck.child.stacks import MAX_FRAMES, MAX_THREADS, ask_for_stacks, read_stacks
from imp_graphcheck.record.site import Frame
from tests.child.trial import WORKER, Trial

DUMP = """0x0000000000007f00
Thread 0x0000000000000007 (most recent call first):
  File "/lib/threading.py", line 10 in wait
  File "/lib/threading.py", line 20 in run

Current thread 0x0000000000007f00 (most recent call first):
  File "/home/a user/model.py", line 3 in <lambda>
  File "/home/a user/main.py", line 5 in <module>
"""


def line_of(word: str) -> int:
    (found,) = [n for n, line in enumerate(Path(WORKER).read_text().splitlines(), 1) if word in line]
    return found


def test_stuck_in_native_code_that_holds_the_interpreter(trial: Trial) -> None:
    ending = trial.run("hang_in_native", timeout=0.5)

    assert isinstance(ending, Hung)
    main = ending.stacks[0]
    assert main.thread == "main thread"
    assert main.frames[0] == Frame(file=WORKER, line=line_of(".pause()"), function="hang_in_native")
    assert [frame.function for frame in main.frames[:3]] == ["hang_in_native", "main", "<module>"]
    assert "heartbeat" not in main.frames[0].function
    assert len(ending.stacks) == 2, "the thread of the heartbeats is there as well"
    assert tail(trial.log) == (), "the log is not where they belong"


def test_stuck_in_native_code_that_lets_others_run(trial: Trial) -> None:
    ending = trial.run("hang_outside", timeout=0.5)

    assert isinstance(ending, Hung)
    assert ending.stacks[0].frames[0].function == "hang_outside"
    assert ending.stacks[1].frames[0].function == "run"


def test_a_child_that_does_not_answer_is_ended_all_the_same(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks_module, "ANSWER_SECONDS", 0.3)
    started = time.monotonic()

    ending = trial.run("hang_deaf", timeout=0.5)

    assert isinstance(ending, Hung)
    assert ending.stacks == ()
    assert time.monotonic() - started < 10


def test_a_process_without_a_handler_is_not_signalled(tmp_path: Path) -> None:
    """The signal would end it: this very process, here."""
    with (tmp_path / "stacks").open("w+b") as file:
        assert ask_for_stacks(os.getpid(), file.fileno()) == ()


def test_the_main_thread_comes_first() -> None:
    main, other = read_stacks(DUMP)

    assert (main.thread, other.thread) == ("main thread", "thread 0x7")
    assert main.frames == (
        Frame(file="/home/a user/model.py", line=3, function="<lambda>"),
        Frame(file="/home/a user/main.py", line=5, function="<module>"),
    )
    assert str(other) == (
        "thread 0x7 (innermost call first):\n"
        '  File "/lib/threading.py", line 10, in wait\n'
        '  File "/lib/threading.py", line 20, in run'
    )


def test_deep_stacks_and_many_threads_are_cut() -> None:
    frames = "".join(f'  File "f.py", line {n} in f\n' for n in range(100))
    threads = "".join(f"Thread 0x{n:x} (most recent call first):\n{frames}\n" for n in range(1, 100))

    found = read_stacks(f"0x63\n{threads}")

    assert len(found) == MAX_THREADS
    assert found[0].thread == "main thread"
    assert [frame.line for frame in found[0].frames] == list(range(MAX_FRAMES))


@pytest.mark.parametrize("text", ["", "0x12\n", "garbage", 'Thread 0x1\n  File "x", line ??? in y\n'])
def test_half_a_dump_is_no_error(text: str) -> None:
    assert all(not stack.frames for stack in read_stacks(text))
