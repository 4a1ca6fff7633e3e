"""A warm start: children forked from a process that has imported the heavy modules and has never touched a GPU.

    parent                                     template (python -m imp_graphcheck.child)
    with warm_template(("torch",)) as t:       imports torch, sees that it may be forked
      run_child(..., template=t)        --->   forks; the child leads a group of its own
        listens, signals, as ever              (the child talks to the parent, through wires of its own)
        the child has exited            --->   reaps it and says how it ended
    end of the block                    --->   ends

A template is a shortcut and never a condition: whatever is wrong with it, children get an interpreter of their own. The
children die with the template, and the template with the parent.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, TypeVar

import msgspec

from imp_graphcheck.child.log import tail
from imp_graphcheck.child.messages import (
    PACKET_BYTES,
    Fork,
    Forked,
    Message,
    Ready,
    Reap,
    Reaped,
    Trial,
    decode_message,
    encode_message,
)
from imp_graphcheck.child.program import can_run
from imp_graphcheck.child.scratch import scratch_file
from imp_graphcheck.child.start import Process, Request
from imp_graphcheck.child.wires import Wires

REAP_SECONDS = 10.0
"""How long the template may take to say how a child ended that was killed."""

_LAST_WORDS_SECONDS = 1.0
_MODULE = "imp_graphcheck.child"

T = TypeVar("T")
M = TypeVar("M", bound=Message)


class TemplateError(Exception):
    """The template does not answer as it should."""


@contextmanager
def warm_template(imports: Sequence[str], *, late: Collection[str] = ()) -> Iterator["Template"]:
    """A template that imports these modules, for as long as the block lasts. Returns at once: the first child waits.

    A child can be forked only if it asks for the environment variables and the working directory that the template
    was started with. `late` names variables that the imported modules do not look at before the child runs: these
    may differ.
    """
    template = Template(imports, late)
    try:
        yield template
    finally:
        template.close()


class Template:
    """The parent's handle. Safe to use from several threads.

    `forked` is how many children it has had; `problem` says why there will be no more.
    """

    def __init__(self, imports: Sequence[str], late: Collection[str]) -> None:
        self._late = frozenset(late)
        self._environment = dict(os.environ)
        self._lock = threading.Lock()
        self._ready = False
        self.forked = 0
        self.problem = _missing()
        self._output: IO[bytes] | None = None
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[Any] | None = None
        if not self.problem:
            self._directory = os.stat(".")
            self._start(imports)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def fork(self, request: Request, wires: Wires, timeout: float) -> Process | None:
        """A child forked for `request`; None when that cannot be, for whatever reason. Waits `timeout` at most."""
        trial = None if self.problem else self._trial(request)
        if trial is None:
            return None
        pid = self._talk(lambda: self._fork(trial, wires, timeout))
        if not pid:
            return None
        self.forked += 1
        return ForkedProcess(self, pid)

    def reap(self, pid: int) -> int | None:
        """The exit status of a child that ends; None when the template did not live to see it."""
        return self._talk(lambda: self._ask(Reap(pid), Reaped, REAP_SECONDS).returncode)

    def close(self) -> None:
        """End the template, and with it whatever children it may still have."""
        with self._lock:
            self._end("closed")

    def _start(self, imports: Sequence[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket, self._output = ours, scratch_file()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(theirs.fileno()), str(os.getpid()), *imports],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def _trial(self, request: Request) -> bytes | None:
        """What the child is told, if it can be a fork of this template."""
        environment = os.environ if request.environment is None else request.environment
        changes = _changes(self._environment, environment)
        same = changes.keys() <= self._late and _is_here(self._directory)
        if not same or not can_run(request.arguments):
            return None
        try:
            return msgspec.json.encode(
                Trial(
                    arguments=tuple(request.arguments),
                    settings=msgspec.Raw(msgspec.json.encode(request.settings)),
                    environment=changes,
                )
            )
        except UnicodeEncodeError:
            # A path that is no text in this locale: on a command line it can be handed over, in JSON it cannot.
            return None

    def _fork(self, trial: bytes, wires: Wires, timeout: float) -> int:
        if not self._ready:
            ready = self._receive(Ready, timeout)
            if ready.problem:
                raise TemplateError(ready.problem)
            self._ready = True
        with scratch_file() as body:
            body.write(trial)
            body.flush()
            files = (body, wires.send_events, wires.printed, wires.stacks)
            return self._ask(Fork(), Forked, timeout, files).pid

    def _talk(self, exchange: Callable[[], T]) -> T | None:
        """One question and its answer. A template that does not answer is ended, and nothing is said of it."""
        with self._lock:
            if self.problem:
                return None
            try:
                return exchange()
            except (TemplateError, OSError, msgspec.MsgspecError) as error:
                self._end(f"{type(error).__name__}: {error}")
                return None
            except BaseException:
                # The answer that is still under way would be taken for the answer to the next question.
                self._end("interrupted")
                raise

    def _ask(self, message: Message, answer: type[M], timeout: float, files: Sequence[IO[bytes]] = ()) -> M:
        assert self._socket is not None
        socket.send_fds(self._socket, [encode_message(message)], [file.fileno() for file in files])
        return self._receive(answer, timeout)

    def _receive(self, expected: type[M], timeout: float) -> M:
        assert self._socket is not None
        self._socket.settimeout(timeout)
        packet = self._socket.recv(PACKET_BYTES)
        if not packet:
            self._let_it_explain()
        message = decode_message(packet) if packet else None
        if not isinstance(message, expected):
            raise TemplateError(f"it said {message}, and {expected.__name__} was due")
        return message

    def _let_it_explain(self) -> None:
        """It has closed its end, and may be about to print a traceback."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS_SECONDS)

    def _end(self, problem: str) -> None:
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._output is not None and not self._output.closed:
            self.problem = self.problem or "\n".join((problem, *tail(self._output)))
            self._output.close()
        if self._socket is not None:
            self._socket.close()


class ForkedProcess:
    """A child of the template. The template reaps it only when asked to, so that its ids stay its own until then."""

    def __init__(self, template: Template, pid: int) -> None:
        self.pid = pid
        self.lost = False
        self._template = template
        self._pidfd = os.pidfd_open(pid)
        self._end = select.poll()
        self._end.register(self._pidfd, select.POLLIN)
        self._returncode: int | None = None

    def has_exited(self, within: float = 0.0) -> bool:
        return self._returncode is not None or bool(self._end.poll(within * 1000))

    def signal_group(self, number: signal.Signals) -> None:
        if self._returncode is None:
            # If the template has died, so has the child, and somebody else reaps it. The group's number is given to
            # nobody as long as the group has members, and without members there is nothing to signal.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self) -> int:
        if self._returncode is None:
            returncode = self._template.reap(self.pid)
            if returncode is None:
                self.lost = True
                self.has_exited(within=REAP_SECONDS)
                returncode = -signal.SIGKILL
            os.close(self._pidfd)
            self._returncode = returncode
        return self._returncode


def _missing() -> str:
    """What this system lacks for all this."""
    if not sys.platform.startswith("linux"):
        return f"no template on {sys.platform}"
    return "" if hasattr(os, "pidfd_open") else "no pidfd_open"


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    names = before.keys() | after.keys()
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def _is_here(directory: os.stat_result) -> bool:
    """By identity: a working directory that was removed still is one."""
    here = os.stat(".")
    return (here.st_dev, here.st_ino) == (directory.st_dev, directory.st_ino)
