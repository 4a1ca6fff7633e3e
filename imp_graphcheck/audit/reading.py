"""Audits by reading: which language a tree is in, how its reading shows its progress, and a record that holds nothing else."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imp_graphcheck.audit.launch import Audited
from imp_graphcheck.audit.opened import closed, opened
from imp_graphcheck.child.events import Progress, StageFinished, StageStarted
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.run import Stage
from imp_graphcheck.source.cpp.audit import audit_cpp
from imp_graphcheck.source.cpp.tree import SUFFIXES
from imp_graphcheck.source.python.audit import audit_python
from imp_graphcheck.source.source_audit import SourceAudit

Language = Literal["cpp", "python"]

_SKIPPED = frozenset({".git", "node_modules", "__pycache__", ".venv", "venv", "site-packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """The options of `audit-syncs` that say what is read. `prewarm` names what runs before the first capture."""

    directory: Path
    entries: tuple[str, ...]
    language: Language | None = None
    prewarm: tuple[str, ...] = ()
    jobs: int | None = None


def read_source(settings: SourceSettings, on_event: OnEvent) -> SourceAudit:
    """Read the tree. Raises UsageError for a directory, a language or an entry that is not there."""
    if not settings.directory.is_dir():
        raise UsageError(
            f"--source {settings.directory}: no such directory.", hint="name the folder that holds the source"
        )
    if not settings.entries:
        raise UsageError(
            "--source needs at least one --entry: the function that runs while a stream is captured.",
            hint="--entry forward, --entry Class::method, --entry file.cu:function",
        )
    language = settings.language or language_of(settings.directory)
    started = time.monotonic()
    shown = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal shown
        if not shown:
            shown = total
            on_event(StageStarted("source", total))
        on_event(Progress(done))

    read = {"cpp": audit_cpp, "python": audit_python}[language]
    found = read(
        settings.directory,
        settings.entries,
        prewarm=settings.prewarm,
        jobs=settings.jobs,
        on_progress=on_progress,
    )
    tree = found.tree
    detail = (
        f"{tree.files} {'C++' if language == 'cpp' else 'Python'} files, {tree.lines:,} lines, "
        f"{tree.reached_functions} of {tree.functions} functions reached"
    )
    seconds = time.monotonic() - started
    on_event(StageFinished(Stage(name="source", status="ok", seconds=seconds, detail=detail)))
    return found


def language_of(directory: Path) -> Language:
    """What most of the files below `directory` are written in. Raises UsageError where there are none of either kind."""
    counts: Counter[Language] = Counter(_languages(directory))
    if not counts:
        raise UsageError(
            f"--source {directory}: there are no C++, CUDA or Python files in it.",
            hint=f"C++ is {' '.join(SUFFIXES)}, Python is .py",
        )
    return counts.most_common(1)[0][0]


def _languages(directory: Path) -> Iterator[Language]:
    for _, folders, files in os.walk(directory):
        folders[:] = [folder for folder in folders if folder not in _SKIPPED]
        for file in files:
            if file.endswith(".py"):
                yield "python"
            elif file.endswith(SUFFIXES):
                yield "cpp"


def audit_source(
    settings: SourceSettings, output: Path, command: tuple[str, ...], on_event: OnEvent
) -> Audited:
    """An audit of nothing but source, saved."""
    found = read_source(settings, on_event)
    with opened(output, settings.directory.resolve().name, command) as (audit, directory):
        audit = closed(
            audit,
            directory,
            status="complete",
            sites=found.sites,
            source=found.tree,
            notes=found.notes,
            seconds=found.tree.seconds,
        )
    return Audited(audit=audit, directory=directory)
