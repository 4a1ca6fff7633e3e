"""A child that behaves as its MODEL says, for the tests of everything around it. No torch, no device."""

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child import Channel, open_channel
from imp_graphcheck.child.events import (
    Crashed,
    Finished,
    Heartbeat,
    Progress,
    Rejected,
    RunStarted,
    StageFinished,
    StageStarted,
)
from imp_graphcheck.record.run import CallComparison, Run, Stage, Target
from imp_graphcheck.record.store import save_run


class Worker:
    """Saves a run with one finished stage, then does what it is told."""

    def __init__(self, channel: Channel, settings: CaptureSettings) -> None:
        self.channel = channel
        self.directory = Path(settings.output) / "runs" / f"run-{os.getpid()}"
        self.run = Run(
            id=self.directory.name,
            command=settings.command,
            tool_version="0",
            started_at="2000-01-01T00:00:00Z",
            environment={},
            target=Target(name=settings.model, kind="factory", device="sim"),
        )

    def start(self) -> None:
        """The first stage, saved, and the second under way."""
        self.directory.mkdir(parents=True)
        save_run(self.run, self.directory)
        self.channel.send(RunStarted(str(self.directory)))
        self.channel.send(StageStarted("load"))
        self.save(stages=(Stage(name="load", status="ok", seconds=0.1, detail="4 tensors"),))
        self.channel.send(StageFinished(self.run.stages[0]))
        self.channel.send(StageStarted("replay", 12))
        self.channel.send(Progress(3))

    def save(self, **changes: object) -> None:
        self.run = Run(**{name: getattr(self.run, name) for name in Run.__slots__} | changes)
        save_run(self.run, self.directory)

    def ready(self) -> None:
        """Tell the test that it may interrupt."""
        (self.directory / "ready").touch()

    def finish(self) -> None:
        """A clean verdict."""
        call = CallComparison(
            request=0,
            call=0,
            sweep=0,
            label="q_offset 0, 64 tokens",
            key="prefill-64",
            path="replay",
            agreement="identical",
            noise_max_abs_delta=0.0,
            max_abs_delta=0.0,
            mean_abs_delta=0.0,
            bit_equal=1.0,
        )
        replay = Stage(name="replay", status="ok", seconds=0.2)
        self.save(stages=(*self.run.stages, replay), calls=(call,), replays=1, verdict="clean")
        self.channel.send(StageFinished(replay))
        self.channel.send(Finished())


def main() -> None:
    channel, settings = open_channel(CaptureSettings)
    behaviour = settings.model.rpartition(":")[2]
    if behaviour == "rejected":
        channel.send(Rejected("no such shape: rejected.", "try qwen3-moe-tiny"))
        return
    if behaviour == "early_death":
        print("the last thing it said", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "slow_start":
        time.sleep(1.5)
        behaviour = "clean"
    worker = Worker(channel, settings)
    worker.start()
    BEHAVIOURS[behaviour](worker)


def clean(worker: Worker) -> None:
    worker.finish()


def noisy(worker: Worker) -> None:
    """Ten megabytes, on both streams, from Python and from below it."""
    for _ in range(80):
        sys.stdout.write("x" * 65_535 + "\n")
        os.write(2, b"y" * 65_535 + b"\n")
    worker.finish()


def prints_without_end(worker: Worker) -> None:
    """A gigabyte, numbered."""
    sys.stdout.write("the first thing it said\n")
    sys.stdout.flush()
    block = b"x" * ((1 << 20) - 1) + b"\n"
    for _ in range(1024):
        os.write(1, block)
    sys.stdout.write("the last thing it said\n")
    sys.stdout.flush()
    worker.finish()


def floods(worker: Worker) -> None:
    """Events as fast as it can."""
    for step in range(100_000):
        worker.channel.send(Progress(step))
    worker.finish()


def floods_with_heartbeats(worker: Worker) -> None:
    """Busy, and nothing comes of it."""
    while True:
        worker.channel.send(Heartbeat())


def endless_line(worker: Worker) -> None:
    while True:
        os.write(worker.channel._fd, b"x" * 65_536)


def says_where_it_is(worker: Worker) -> None:
    """What it was started with."""
    names = ("LATE", "EARLY")
    print(os.getcwd(), *(os.environ.get(name) for name in names), sys.argv[1:], os.getppid(), flush=True)
    worker.finish()


def rejected_late(worker: Worker) -> None:
    worker.channel.send(Rejected("the config contradicts the weights.", ""))


def crashed(worker: Worker) -> None:
    worker.channel.send(Crashed("ZeroDivisionError: division by zero", "Traceback: line 1\n"))


def segfault(_worker: Worker) -> None:
    print("about to touch nothing", flush=True)
    ctypes.string_at(0)


def killed(_worker: Worker) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def quits(_worker: Worker) -> None:
    os._exit(7)


def hang(worker: Worker) -> None:
    worker.ready()
    time.sleep(600)


def hang_in_a_quick_stage(worker: Worker) -> None:
    """Longer than a stage may take that is known to be quick; before it, one that may take its time, and does."""
    worker.channel.send(StageStarted("slow", 1))
    time.sleep(1.0)
    worker.channel.send(StageStarted("quick", 2, patience=0.5))
    worker.channel.send(Progress(1))
    time.sleep(600)


def slow_after_a_quick_stage(worker: Worker) -> None:
    """What is known of one stage does not hold for what follows."""
    worker.channel.send(StageStarted("quick", 1, patience=0.3))
    worker.channel.send(StageFinished(Stage(name="quick", status="ok", seconds=0.0)))
    time.sleep(1.0)
    worker.finish()


def hang_beating(worker: Worker) -> None:
    with worker.channel.heartbeats(0.05):
        time.sleep(600)


def stops_beating(worker: Worker) -> None:
    with worker.channel.heartbeats(0.05):
        time.sleep(0.2)
    time.sleep(600)


def hang_in_native(worker: Worker) -> None:
    """In a call of C that holds the interpreter's lock, so that no other thread of Python gets a turn."""
    with worker.channel.heartbeats(0.05):
        ctypes.PyDLL(None).pause()
    time.sleep(600)


def hang_outside(worker: Worker) -> None:
    """In a call of C that has let go of the lock, beside a thread that waits in Python."""
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    ctypes.CDLL(None).sleep(600)


def hang_deaf(worker: Worker) -> None:
    """Would not answer if it was asked where it is."""
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    time.sleep(600)


def slow(worker: Worker) -> None:
    """Takes longer in all than the timeout of the test, but never long between two events."""
    for step in range(12):
        time.sleep(0.1)
        worker.channel.send(Progress(step))
    worker.finish()


def stubborn(worker: Worker) -> None:
    """Deaf, with a child of its own that is deaf too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("grandchild", subprocess.Popen(["sleep", "600"]).pid, flush=True)
    deaf(worker)


def deaf(worker: Worker) -> None:
    """Ignores every signal that can be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    worker.ready()
    time.sleep(600)


def polite(worker: Worker) -> None:
    """Saves its own interrupted record."""
    try:
        worker.ready()
        time.sleep(600)
    except KeyboardInterrupt:
        worker.save(verdict="interrupted", verdict_reason="stopped after 3 of 12 replays")


def terminated(_worker: Worker) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def raises(_worker: Worker) -> None:
    atexit.register(print, "at the end")
    raise LookupError("nobody catches this")


def leaves_escaped_grandchild(worker: Worker) -> None:
    """In a session of its own, holding every pipe."""
    os.set_inheritable(worker.channel._fd, True)
    escaped = subprocess.Popen(["sleep", "600"], close_fds=False, start_new_session=True)
    print("grandchild", escaped.pid, flush=True)
    worker.finish()
    os._exit(0)


def leaves_grandchild(worker: Worker) -> None:
    """A process that outlives it and, as user code may, holds on to the pipe."""
    fd = worker.channel._fd
    os.set_inheritable(fd, True)
    subprocess.Popen(["sleep", "600"], close_fds=False)
    os._exit(7)


def dies_after_finish(worker: Worker) -> None:
    worker.finish()
    os.kill(os.getpid(), signal.SIGSEGV)


def babbles(worker: Worker) -> None:
    os.write(worker.channel._fd, b"hello\n")
    time.sleep(600)


def dies_mid_line(worker: Worker) -> None:
    os.write(worker.channel._fd, b'{"type":"finis')


def no_verdict(worker: Worker) -> None:
    worker.channel.send(Finished())


def beats_only(worker: Worker) -> None:
    worker.channel.send(Heartbeat())
    worker.finish()


BEHAVIOURS = {
    function.__name__: function
    for function in (
        clean,
        noisy,
        rejected_late,
        crashed,
        segfault,
        killed,
        quits,
        hang,
        hang_beating,
        hang_in_a_quick_stage,
        slow_after_a_quick_stage,
        stops_beating,
        hang_in_native,
        hang_outside,
        hang_deaf,
        prints_without_end,
        floods,
        floods_with_heartbeats,
        endless_line,
        says_where_it_is,
        terminated,
        raises,
        leaves_escaped_grandchild,
        slow,
        stubborn,
        deaf,
        polite,
        leaves_grandchild,
        dies_after_finish,
        babbles,
        dies_mid_line,
        no_verdict,
        beats_only,
    )
}

if __name__ == "__main__":
    main()
