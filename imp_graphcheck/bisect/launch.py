"""The parent's half of `bisect`: trial after trial in child processes, and the record of all of them.

Nothing here touches a GPU. The record is saved after every trial, so that whatever ends the search leaves what it learnt.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

from msgspec import structs

from imp_graphcheck import __version__
from imp_graphcheck.bisect.conclusion import concluded
from imp_graphcheck.bisect.reproduction import reproduced
from imp_graphcheck.bisect.search import Done, next_trial
from imp_graphcheck.bisect.settings import BisectSettings
from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings, remove_if_empty
from imp_graphcheck.capture.warm import warm_trials
from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.child.template import Template
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.bisection import Bisection, Trial, load_bisection, save_bisection
from imp_graphcheck.record.directories import new_directory
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import load_run, point_latest

BISECTIONS = "bisections"
WORKER = ("-m", "imp_graphcheck.bisect")

OnTrial = Callable[[int, TrialSettings], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisected:
    """A saved bisection and where it lies."""

    bisection: Bisection
    directory: Path


def run_bisect(
    settings: BisectSettings, *, on_event: OnEvent, on_trial: OnTrial = lambda _number, _trial: None
) -> Bisected:
    """All trials, until nothing that is left to try could tell more.

    Raises UsageError for bad input, found here or in the first child; ChildError when not even the first trial left a
    record; KeyboardInterrupt when the user stopped it before there was one.
    """
    settings.validate()
    search = _Search.resumed(settings) if settings.resume is not None else _Search.new(settings)
    try:
        with warm_trials(settings.capture.device) as template:
            search.go_on(on_event, on_trial, template)
    except (UsageError, ChildError, KeyboardInterrupt):
        search.clean_up()
        raise
    return Bisected(bisection=search.bisection, directory=search.directory)


class _Search:
    def __init__(
        self, settings: BisectSettings, bisection: Bisection, directory: Path, made: list[Path]
    ) -> None:
        self.bisection, self.directory = bisection, directory
        self._settings = settings
        self._made = made
        base = {field.name: getattr(settings.capture, field.name) for field in fields(CaptureSettings)}
        base |= {"output": str(directory), "reps": 0, "command": settings.command}
        self._base = TrialSettings(**base, repeat=settings.repeat)
        self._done: list[Done] = []
        self._killed: list[TrialSettings] = []
        """Trials whose process was ended from outside, once each."""

    @classmethod
    def new(cls, settings: BisectSettings) -> "_Search":
        parent = Path(settings.capture.output) / BISECTIONS
        made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
        started = datetime.now().astimezone()
        directory = new_directory(parent, started)
        asked = {
            field.name: getattr(settings.capture, field.name)
            for field in fields(CaptureSettings)
            if field.name not in ("command", "output", "reps", "fail_on")
        }
        bisection = Bisection(
            id=directory.name,
            command=settings.command,
            tool_version=__version__,
            started_at=started.isoformat(timespec="seconds"),
            settings=asked,
        )
        return cls(settings, bisection, directory, [directory, *made])

    @classmethod
    def resumed(cls, settings: BisectSettings) -> "_Search":
        assert settings.resume is not None
        directory = settings.resume.resolve()
        search = cls(settings, load_bisection(directory), directory, [])
        for trial in search.bisection.trials:
            made = replace(search._base, kind=trial.kind, capture_mode=trial.capture_mode)  # type: ignore[arg-type]
            search._done.append(Done(settings=made, run=load_run(directory / trial.run)))
        return search

    def go_on(self, on_event: OnEvent, on_trial: OnTrial, template: Template | None) -> None:
        before = self.bisection.seconds
        started = time.monotonic()
        while len(self._done) < self._settings.max_trials:
            trial = next_trial(self._base, self._done, keep_going=self._settings.keep_going)
            if trial is None:
                break
            on_trial(len(self._done) + 1, trial)
            stopped = not self._try(trial, on_event, template)
            self._save(before + time.monotonic() - started)
            if stopped:
                return
        exhausted = next_trial(self._base, self._done, keep_going=self._settings.keep_going) is not None
        if exhausted:
            self._note(f"--max-trials {self._settings.max_trials} was reached before everything was tried")
        self.bisection = concluded(self.bisection, self._done, exhausted=exhausted)
        self._save(before + time.monotonic() - started)
        if self.bisection.causes:
            self._reproduce(on_event)
            self._save(before + time.monotonic() - started)

    def _reproduce(self, on_event: OnEvent) -> None:
        """One more process, which shows the first cause in a program of its own. The answer is saved already."""
        runs = [each.run for each in self._done if each.run is not None]
        device = runs[0].target.device
        try:
            found = reproduced(self.bisection.causes, runs, self.directory, device, on_event=on_event)
        except KeyboardInterrupt:
            self._note("interrupted while a reproduction was tried; the answer is complete without it")
            return
        if found is not None:
            self.bisection = structs.replace(
                self.bisection, reproduction=found.file, reproduction_options=found.options
            )

    def clean_up(self) -> None:
        """Leave nothing behind of a search that never got going."""
        remove_if_empty([self.directory / "runs", *self._made])

    def _try(self, trial: TrialSettings, on_event: OnEvent, template: Template | None) -> bool:
        """One trial; False if the user stopped it. The first must leave a record, a later one may fail to."""
        started = time.monotonic()
        try:
            captured = run_capture(trial, on_event=on_event, worker=WORKER, template=template)
            run, directory = captured.run, captured.directory
        except ChildError as error:
            if not self._done:
                raise
            self._note(f"trial {len(self._done) + 1} ({trial.kind}) left no record: {error.message}")
            self._done.append(Done(settings=trial, run=None))
            return True
        except KeyboardInterrupt:
            if not self._done:
                raise
            self.bisection = structs.replace(
                self.bisection, status="interrupted", reason=f"in trial {len(self._done) + 1}"
            )
            return False
        if run.verdict == "interrupted":
            self.bisection = structs.replace(
                self.bisection,
                target=self.bisection.target or run.target,
                status="interrupted",
                reason=f"in trial {len(self._done) + 1} ({trial.kind})",
            )
            return False
        if captured.killed and trial not in self._killed:
            # Somebody else, or the system, ended it: that is no answer, so it is asked once more.
            self._killed.append(trial)
            self._note(
                f"the process of trial {len(self._done) + 1} ({trial.kind}) {captured.killed}; it was tried again"
            )
            return True
        self._done.append(Done(settings=trial, run=run))
        self.bisection = structs.replace(
            self.bisection,
            target=run.target,
            trials=(
                *self.bisection.trials,
                Trial(
                    number=len(self._done),
                    kind=trial.kind,
                    capture_mode=trial.capture_mode,
                    run=str(directory.relative_to(self.directory)),
                    outcome=_outcome(run),
                    seconds=time.monotonic() - started,
                ),
            ),
        )
        return True

    def _note(self, text: str) -> None:
        self.bisection = structs.replace(self.bisection, notes=(*self.bisection.notes, text))

    def _save(self, seconds: float) -> None:
        self.bisection = structs.replace(self.bisection, seconds=seconds)
        save_bisection(self.bisection, self.directory)
        point_latest(self.directory)


def _outcome(run: Run) -> str:
    return f"{run.verdict}: {run.verdict_reason}" if run.verdict_reason else run.verdict
