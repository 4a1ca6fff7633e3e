"""What a command is doing, on stderr: a live line for a person, one line per stage for a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

from imp_graphcheck.child.events import Event, StageFinished, StageStarted
from imp_graphcheck.child.events import Progress as Steps
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.record.run import Stage


@contextmanager
def stage_progress(*, quiet: bool) -> Iterator[OnEvent]:
    """A consumer of events that shows them for as long as the block lasts."""
    if quiet:
        yield _ignore
    elif sys.stderr.isatty():
        console = Console(stderr=True)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Live(progress).show
    else:
        yield _print_finished


def _ignore(_event: Event) -> None:
    return


def _print_finished(event: Event) -> None:
    if isinstance(event, StageFinished):
        print(one_line(event.stage), file=sys.stderr, flush=True)  # noqa: T201


class _Live:
    """The stage under way as a bar, and a line above it for every stage that ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def show(self, event: Event) -> None:
        match event:
            case StageStarted(name=name, total=total):
                self._remove_task()
                self._task = self._progress.add_task(escape(name), total=total)
            case Steps(done=done) if self._task is not None:
                self._progress.update(self._task, completed=done)
            case StageFinished(stage=stage):
                self._remove_task()
                self._progress.console.print(escape(one_line(stage)), highlight=False)

    def _remove_task(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def one_line(stage: Stage) -> str:
    """A stage for a log: name, status, seconds, detail."""
    return f"{stage.name:<12} {stage.status:<11} {stage.seconds:7.2f} s  {stage.detail}".rstrip()
