"""One process that was asked for, and how a fresh interpreter becomes it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from imp_graphcheck.child.scratch import scratch_file
from imp_graphcheck.child.wires import Wires


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`python ARGUMENTS`, with `settings` as a document on its stdin. No `environment` stands for the parent's own."""

    arguments: Sequence[str]
    settings: Mapping[str, object]
    environment: Mapping[str, str] | None = None


class Process(Protocol):
    """A started child, which leads a process group of its own."""

    @property
    def pid(self) -> int: ...

    @property
    def lost(self) -> bool:
        """Whether nobody can say any more how it ended, because of us and not because of it."""
        ...

    def has_exited(self, within: float = 0.0) -> bool:
        """Whether it ends within so many seconds. Does not reap it: until `wait`, its group id is its own."""
        ...

    def signal_group(self, number: signal.Signals) -> None:
        """Signal it and all that it started, unless it was reaped."""
        ...

    def wait(self) -> int:
        """Reap it, once it has exited or is about to. The exit status, as subprocess counts it."""
        ...


def document(settings: Mapping[str, object], *, events_fd: int, stacks_fd: int, parent_pid: int) -> bytes:
    """What `open_channel` reads."""
    wiring = {"events_fd": events_fd, "stacks_fd": stacks_fd, "parent_pid": parent_pid}
    return msgspec.json.encode({**settings, **wiring})


class Spawned:
    """A child with an interpreter of its own."""

    lost = False

    def __init__(self, process: "subprocess.Popen[Any]") -> None:
        self._process = process
        self.pid = process.pid

    def has_exited(self, within: float = 0.0) -> bool:
        deadline = time.monotonic() + within
        pause = 0.001
        while not self._is_over():
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True

    def _is_over(self) -> bool:
        if self._process.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def signal_group(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            os.killpg(self.pid, number)

    def wait(self) -> int:
        return self._process.wait()


def spawn(request: Request, wires: Wires) -> Spawned:
    """Start a fresh interpreter."""
    events_fd, stacks_fd = wires.send_events.fileno(), wires.stacks.fileno()
    # A file, not a pipe: a child that dies without reading its settings is then no special case.
    with scratch_file() as stdin:
        stdin.write(
            document(request.settings, events_fd=events_fd, stacks_fd=stacks_fd, parent_pid=os.getpid())
        )
        stdin.seek(0)
        process = subprocess.Popen(
            [sys.executable, *request.arguments],
            stdin=stdin,
            stdout=wires.printed,
            stderr=subprocess.STDOUT,
            pass_fds=(events_fd, stacks_fd),
            start_new_session=True,
            env=dict(request.environment) if request.environment is not None else None,
        )
    return Spawned(process)
