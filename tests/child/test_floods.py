"""A child that says too much costs neither the disk nor the memory nor the time of its parent."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from imp_graphcheck.child import ChannelError, Completed, Hung
from imp_graphcheck.child import listener as listener_module
from imp_graphcheck.child import log as log_module
from imp_graphcheck.child.events import Progress
from imp_graphcheck.child.log import Abridged, pumped, tail
from tests.child.trial import Trial, alive


def test_of_a_gigabyte_the_beginning_and_the_end_are_kept(trial: Trial) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()

    assert trial.run("prints_without_end") == Completed()

    assert time.monotonic() - started < 60
    size = os.fstat(trial.log.fileno()).st_size
    assert size < log_module.HEAD_BYTES + log_module.TAIL_BYTES + 100
    text = os.pread(trial.log.fileno(), size, 0)
    assert text.startswith(b"the first thing it said\n")
    assert text.endswith(b"the last thing it said\n")
    printed = 1024 * (1 << 20) + len("the first thing it said\nthe last thing it said\n")
    kept = log_module.HEAD_BYTES + log_module.TAIL_BYTES
    assert b"\n[... %d bytes were left out here ...]\n" % (printed - kept) in text
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 64 << 10


@pytest.mark.parametrize("sizes", [(1,) * 100, (10,) * 10, (100,), (3, 97), (25, 50, 25), (20,), (5,), (0,)])
def test_however_it_arrives_the_same_is_kept(monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]) -> None:
    monkeypatch.setattr(log_module, "HEAD_BYTES", 10)
    monkeypatch.setattr(log_module, "TAIL_BYTES", 10)
    printed = bytes(range(sum(sizes)))
    with tempfile.TemporaryFile() as log:
        abridged, start = Abridged(log), 0
        for size in sizes:
            abridged.add(printed[start : start + size])
            start += size
        abridged.finish()
        text = os.pread(log.fileno(), 1000, 0)

    if len(printed) <= 20:
        assert text == printed
    else:
        assert (
            text
            == printed[:10]
            + b"\n[... %d bytes were left out here ...]\n" % (len(printed) - 20)
            + (printed[-10:])
        )


def test_a_log_without_room_does_not_block_the_child() -> None:
    with open("/dev/full", "r+b", buffering=0) as full, pumped(full) as printed:
        for _ in range(64):
            printed.write(b"x" * (1 << 20))


def test_a_flood_of_events_arrives_whole_and_in_order(trial: Trial) -> None:
    started = time.monotonic()

    assert trial.run("floods") == Completed()

    steps = [event.done for event in trial.events if isinstance(event, Progress)]
    assert steps == [3, *range(100_000)]
    assert time.monotonic() - started < 60


def test_a_flood_of_heartbeats_is_no_progress(trial: Trial) -> None:
    ending = trial.run("floods_with_heartbeats", timeout=0.5)

    assert isinstance(ending, Hung)
    assert ending.seconds < 5
    assert ending.responsive


def test_a_line_without_end_is_our_error(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "MAX_LINE_BYTES", 1 << 20)

    with pytest.raises(ChannelError, match="without an end of line"):
        trial.run("endless_line")


def test_a_grandchild_that_escaped_with_every_pipe_is_not_waited_for(trial: Trial) -> None:
    started = time.monotonic()

    assert trial.run("leaves_escaped_grandchild") == Completed()

    assert time.monotonic() - started < 5
    (line,) = tail(trial.log)
    escaped = int(line.removeprefix("grandchild "))
    assert alive(escaped), "it is no business of ours: it made a session of its own"
    os.kill(escaped, 9)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_more_descriptors_than_select_can_take() -> None:
    """A program that has a thousand files open may use run_child as well."""
    program = (
        "import os, resource, sys, tempfile\n"
        "from imp_graphcheck.child import run_child\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "held = [os.dup(0) for _ in range(1500)]\n"
        "print(run_child(['-c', 'pass'], {}, on_event=print, timeout=60, log=tempfile.TemporaryFile()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "exited with status 0" in done.stdout, done.stderr
