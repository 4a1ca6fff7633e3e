"""A child process that drives one program: settings in on stdin, events out through a pipe, the record on disk."""

import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child.channel import Channel, open_channel
from imp_graphcheck.child.events import Crashed, Finished, Rejected
from imp_graphcheck.errors import UsageError
from imp_graphcheck.exit_codes import ExitCode
from imp_graphcheck.record.store import UnsavedError

if TYPE_CHECKING:
    from imp_graphcheck.capture.session import Session

S = TypeVar("S", bound=CaptureSettings)


def run_worker(settings_type: type[S], run: "Callable[[Session, S], None]") -> int:
    """Open the program and hand it to `run`; the exit code only says whether this process itself did its work."""
    channel, settings = open_channel(settings_type)
    with channel.heartbeats():
        try:
            dead = _run(channel, settings, run)
        except UsageError as error:
            channel.send(Rejected(error.message, error.hint))
            return ExitCode.USAGE
        except UnsavedError as error:
            channel.send(Crashed(str(error), traceback=""))
            return ExitCode.INTERNAL
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
        except BaseException as error:  # noqa: BLE001 - the last frame of the process: the parent is told everything
            message = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
            channel.send(Crashed(message, traceback.format_exc()))
            return ExitCode.INTERNAL
        channel.send(Finished())
        if dead:
            # Freeing anything on a dead context aborts the process, and the record is complete.
            os._exit(ExitCode.CLEAN)
    return ExitCode.CLEAN


def _run(channel: Channel, settings: S, run: "Callable[[Session, S], None]") -> bool:
    """All of it; returns whether the device did not survive."""
    # torch is imported here and below, so that a rejected option costs no second.
    from imp_graphcheck.capture.recorder import Recorder
    from imp_graphcheck.capture.session import Session
    from imp_graphcheck.device import open_device
    from imp_graphcheck.target import resolve
    from imp_graphcheck.target.engine import Workload

    device = open_device(settings.device)
    workload = Workload(
        prompt_tokens=settings.pp,
        chunk_tokens=settings.chunk,
        requests=settings.requests,
        decode_tokens=settings.tg,
        seed=settings.seed,
    )
    program = resolve(
        settings.model, workload=workload, dtype=settings.dtype, seed=settings.seed, fault=settings.fault
    )
    session = Session(program, device, settings, Recorder(channel.send))
    run(session, settings)
    return session.dead
