"""What `python ARGUMENTS` would run, run in an interpreter that runs already: from `sys.argv` to the exit status."""

import atexit
import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn


def run_to_end(arguments: Sequence[str]) -> NoReturn:
    """Run `-m MODULE ...` or `SCRIPT ...` as the main program of this process, and end the process.

    It ends as an interpreter does: threads are waited for, and what was registered for the end is called. The
    interpreter itself is not taken down piece by piece: in a forked process that would first copy all of it.
    """
    status = _run(arguments)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    _flush()
    if status == -signal.SIGINT:
        # As an interpreter does, so that whoever waits for it sees that it was interrupted.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def can_run(arguments: Sequence[str]) -> bool:
    """Any other option is for an interpreter that starts."""
    return bool(arguments) and (
        not arguments[0].startswith("-") or (arguments[0] == "-m" and len(arguments) > 1)
    )


def _run(arguments: Sequence[str]) -> int:
    sys.orig_argv = [sys.executable, *arguments]
    try:
        if arguments[0] == "-m":
            sys.argv = list(arguments[1:])
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            if not sys.flags.safe_path:
                sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        return _status(end.code)
    except BaseException as error:  # noqa: BLE001 - the last frame of the process
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # closed, or nobody reads it: an interpreter that ends does no more about it
