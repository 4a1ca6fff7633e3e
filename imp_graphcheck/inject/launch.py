"""Runs a command as it is, with the injection library in its environment, and waits for it.

The child has this process's stdin and stderr, and its process group: a Ctrl-C at the terminal reaches both,
and it is the child that decides what it means. A signal that was sent to this process alone is handed on.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from imp_graphcheck.errors import UsageError

INJECTION = "CUDA_INJECTION64_PATH"
TRACE_DIR = "IMP_GRAPHCHECK_TRACE_DIR"
TRACE_BYTES = "IMP_GRAPHCHECK_TRACE_BYTES"
CUPTI = "IMP_GRAPHCHECK_CUPTI"

DEFAULT_TRACE_BYTES = 256 << 20

_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SENT_BY_A_PROCESS = (0, -6)  # SI_USER, SI_TKILL; the terminal's own come from the kernel
_POLL_SECONDS = 0.2


def environment_for(
    library: Path,
    traces: Path,
    cupti: Sequence[Path],
    *,
    trace_bytes: int = DEFAULT_TRACE_BYTES,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Raises UsageError if another tool is to be injected already: there is room for one."""
    environment = dict(os.environ if base is None else base)
    taken = environment.get(INJECTION)
    if taken:
        raise UsageError(
            f"{INJECTION} is set to {taken}: CUDA loads one library, and this audit needs that place",
            hint=f"unset {INJECTION}, or run the command outside of the other tool",
        )
    return environment | {
        INJECTION: str(library),
        TRACE_DIR: str(traces),
        TRACE_BYTES: str(trace_bytes),
        CUPTI: os.pathsep.join(map(str, cupti)),
    }


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command's exit status, negative for a signal, as subprocess has it. Raises UsageError if it cannot run.

    What it prints goes to stderr: stdout carries the audit, and nothing else.
    """
    if not command:
        raise UsageError("no command was given", hint="imp-graphcheck audit-syncs -- ./engine --its --flags")
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if in_main else set()
    try:
        process = subprocess.Popen(command, env=dict(environment), stdout=sys.stderr)
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    if not in_main:
        return process.wait()
    # Blocked only once the child runs, which would inherit it.
    signal.pthread_sigmask(signal.SIG_BLOCK, (*_HANDED_ON, signal.SIGCHLD))
    try:
        return _wait(process)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(process: "subprocess.Popen[bytes]") -> int:
    while (status := process.poll()) is None:
        info = signal.sigtimedwait((*_HANDED_ON, signal.SIGCHLD), _POLL_SECONDS)
        if info is not None and info.si_signo in _HANDED_ON and info.si_code in _SENT_BY_A_PROCESS:
            process.send_signal(info.si_signo)
    return status
