"""The template's own side: import once, then fork a child whenever the parent asks for one.

Only a process with a single thread may be forked and go on as if nothing had happened, and only one that never touched
a GPU may have children that do. Both are looked at in the system's books and not in those of any library.
"""

import importlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from imp_graphcheck.child.channel import be_subreaper, die_with_parent
from imp_graphcheck.child.messages import (
    PACKET_BYTES,
    Fork,
    Forked,
    Ready,
    Reap,
    Reaped,
    Trial,
    decode_message,
    encode_message,
)
from imp_graphcheck.child.scratch import scratch_file
from imp_graphcheck.child.start import document

_FILES_PER_FORK = 4
_ORPHAN_SECONDS = 1.0
"""How often the template looks whether an orphan of a child has ended."""


def await_trial(socket_fd: int, parent_pid: int, imports: Sequence[str]) -> tuple[str, ...]:
    """Serve until the parent closes its end. Returns in forked children only, with the arguments of what they run."""
    os.set_inheritable(socket_fd, False)
    die_with_parent(parent_pid)
    with socket.socket(fileno=socket_fd) as parent:
        problem = _warm_up(imports)
        parent.send(encode_message(Ready(problem)))
        return _serve(parent)


def _warm_up(imports: Sequence[str]) -> str:
    """Import everything; what speaks against forking afterwards."""
    for name in imports:
        importlib.import_module(name)
    # Libraries that end their threads for a fork, and start them again when they are needed, do so now. Any thread
    # that is left would be missing in a child.
    rehearsal = os.fork()
    if rehearsal == 0:
        os._exit(0)
    os.waitpid(rehearsal, 0)
    if _children_file().exists():
        be_subreaper()
    return _why_unfit()


def _why_unfit() -> str:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        return f"{threads} threads run after the imports"
    gpus = sorted({target for target in _open_files() if target.startswith("/dev/nvidia")})
    if gpus:
        return f"{', '.join(gpus)} was opened by the imports"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "CUDA was initialised by the imports"
    return ""


def _open_files() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # the listing's own
    return found


def _serve(parent: socket.socket) -> tuple[str, ...]:
    children: set[int] = set()
    while True:
        has_orphans = _bury_orphans(children)
        parent.settimeout(_ORPHAN_SECONDS if has_orphans else None)
        try:
            packet, fds, _, _ = socket.recv_fds(parent, PACKET_BYTES, _FILES_PER_FORK)
        except TimeoutError:
            continue
        if not packet:
            # What the imports registered for the end is the children's business.
            os._exit(0)
        match decode_message(packet):
            case Fork():
                arguments = _fork(parent, fds, children)
                if arguments is not None:
                    return arguments
            case Reap(pid=pid):
                _, status = os.waitpid(pid, 0)
                children.discard(pid)
                parent.send(encode_message(Reaped(os.waitstatus_to_exitcode(status))))


def _fork(parent: socket.socket, fds: list[int], children: set[int]) -> tuple[str, ...] | None:
    """In the template None; in the child the arguments of what it has to run."""
    sys.stdout.flush()
    sys.stderr.flush()
    tied_read, tied_write = os.pipe()
    template = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        pid, problem = -1, str(error)
    if pid == 0:
        os.close(tied_read)
        parent.close()
        return _become(template, fds, tied_write)
    for fd in (*fds, tied_write):
        os.close(fd)
    answer = Forked(problem=problem) if pid < 0 else _once_tied(pid, tied_read)
    os.close(tied_read)
    if answer.pid:
        children.add(pid)
    parent.send(encode_message(answer))
    return None


def _once_tied(pid: int, tied: int) -> Forked:
    """Only a child that leads its group, and dies with us, is handed out."""
    if os.read(tied, 1):
        return Forked(pid)
    os.waitpid(pid, 0)
    return Forked(problem="the child died before it was ready")


def _become(template: int, fds: list[int], tied: int) -> tuple[str, ...]:
    """Turn this fork into the child that was asked for."""
    os.setsid()
    die_with_parent(template)
    os.write(tied, b"!")
    os.close(tied)
    body, events, printed, stacks = fds
    with os.fdopen(body, "rb") as file:
        file.seek(0)
        trial = msgspec.json.decode(file.read(), type=Trial)
    with scratch_file() as stdin:
        settings = msgspec.json.decode(trial.settings)
        stdin.write(document(settings, events_fd=events, stacks_fd=stacks, parent_pid=template))
        stdin.seek(0)
        os.dup2(stdin.fileno(), 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    os.close(printed)
    for name, value in trial.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return trial.arguments


def _bury_orphans(children: set[int]) -> bool:
    """Reap what children left behind and was ended since. Whether there are more."""
    left = False
    for pid in _children():
        if pid not in children:
            left |= os.waitpid(pid, os.WNOHANG)[0] == 0
    return left


def _children() -> list[int]:
    """None where the kernel does not list them: orphans then are not ours either."""
    file = _children_file()
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def _children_file() -> Path:
    return Path(f"/proc/self/task/{os.getpid()}/children")
