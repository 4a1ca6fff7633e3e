"""Keeps the record of a run: changes go to disk at once, or soon, and every stage is announced."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from safetensors import SafetensorError
from safetensors.torch import save_file

from imp_graphcheck import __version__
from imp_graphcheck.capture.outputs import HostOutput
from imp_graphcheck.child.events import Event, Progress, RunStarted, StageFinished, StageStarted
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.directories import new_directory
from imp_graphcheck.record.encoder import Encoder
from imp_graphcheck.record.run import Run, Stage, StageStatus, Target
from imp_graphcheck.record.store import UnsavedError, save_run

_SHARE_OF_SAVING = 0.05
"""How much of a stage may go into saving what it has seen so far."""


class StageError(Exception):
    """A stage could not do its work, for the reason given; the stages after it make no sense any more."""


class StageNotes:
    """What a stage has to say when it is over. `status` is changed by a stage that did not do its work."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        self.detail = ""
        self.status: StageStatus = "ok"
        self._send = send
        self._done = 0

    def step(self) -> None:
        """One more step of the stage is behind us."""
        self._done += 1
        self._send(Progress(self._done))


class Recorder:
    """The run as it grows. Before `open`, there is nothing on disk: bad input leaves no trace.

    Whatever saves raises UnsavedError where there is no room for it.
    """

    def __init__(self, send: Callable[[Event], None]) -> None:
        self.send = send
        self._stages: tuple[Stage, ...] = ()
        self.directory: Path | None = None
        self.run: Run
        self._encoder = Encoder()
        self._save_again_at = 0.0

    def open(
        self, output: Path, *, target: Target, command: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        """Make the run directory, `<output>/runs/<id>`, and save the record in it."""
        started = datetime.now().astimezone()
        try:
            directory = new_directory(output / "runs", started, target.name)
        except OSError as error:
            raise UnsavedError(output, error.strerror or str(error)) from error
        self.run = Run(
            id=directory.name,
            command=command,
            tool_version=__version__,
            started_at=started.isoformat(timespec="seconds"),
            environment=environment,
            target=target,
            stages=self._stages,
        )
        self.directory = directory
        try:
            self._save()
        except UnsavedError:
            directory.rmdir()
            raise
        self.send(RunStarted(str(directory)))

    def update(self, **changes: Any) -> None:
        """Change fields of the record and save it."""
        self.remember(**changes)
        self._save()

    def remember(self, **changes: Any) -> None:
        """Change fields of the record that the next save takes along."""
        self.run = replace(self.run, **changes)

    def progress(self, changes: Callable[[], dict[str, Any]]) -> None:
        """Change fields of the record in the middle of a stage; asked for them only if there is time to save it."""
        if time.perf_counter() >= self._save_again_at:
            self.update(**changes())

    def note(self, text: str) -> None:
        """Add a remark for the reader."""
        self.update(notes=(*self.run.notes, text))

    def save_tensors(self, name: str, outputs: dict[str, HostOutput]) -> None:
        """Write outputs to `<name>.safetensors` beside the record, one entry per tensor."""
        if self.directory is None:
            return
        tensors = {
            f"{label}/{index}": tensor.contiguous()
            for label, output in outputs.items()
            for index, tensor in enumerate(output)
            if not tensor.is_complex()
        }
        temporary = self.directory / f".{name}.safetensors"
        try:
            save_file(tensors, temporary)
            temporary.replace(self.directory / f"{name}.safetensors")
        except (OSError, SafetensorError) as error:
            temporary.unlink(missing_ok=True)
            raise UnsavedError(self.directory, str(error)) from error

    @contextmanager
    def stage(
        self, name: str, total: int | None = None, patience: float | None = None
    ) -> Iterator[StageNotes]:
        """Announce a stage, time it, and add it to the record when it ends, however it ends.

        `patience`: see StageStarted.
        """
        self.send(StageStarted(name, total, patience))
        started, notes = time.perf_counter(), StageNotes(self.send)
        try:
            yield notes
        except UsageError:
            raise
        except BaseException as error:
            notes.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            notes.detail = notes.detail or _first_line(error)
            self._finish(name, notes, started)
            raise
        self._finish(name, notes, started)

    def skip(self, name: str, why: str) -> None:
        """Note a stage that was not run."""
        self._add(Stage(name=name, status="skipped", seconds=0.0, detail=why))

    def _save(self) -> None:
        if self.directory is None:
            return
        started = time.perf_counter()
        try:
            save_run(self.run, self.directory, self._encoder, durable=self.run.verdict != "running")
        except OSError as error:
            raise UnsavedError(self.directory, error.strerror or str(error)) from error
        ended = time.perf_counter()
        self._save_again_at = ended + (ended - started) / _SHARE_OF_SAVING

    def _finish(self, name: str, notes: StageNotes, started: float) -> None:
        seconds = time.perf_counter() - started
        self._add(Stage(name=name, status=notes.status, seconds=seconds, detail=notes.detail))

    def _add(self, stage: Stage) -> None:
        self._stages = (*self._stages, stage)
        if self.directory is not None:
            self.update(stages=self._stages)
        self.send(StageFinished(stage))


def _first_line(error: BaseException) -> str:
    if isinstance(error, StageError | KeyboardInterrupt):
        return str(error)
    text = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def environment_of(device_facts: dict[str, str]) -> dict[str, str]:
    """The facts of the device with the versions that a reader of the record needs."""
    return {"imp-graphcheck": __version__, **device_facts, "torch": str(torch.__version__)}
