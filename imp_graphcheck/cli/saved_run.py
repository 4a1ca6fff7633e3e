"""RUN on the command line: a run directory, a `run.json`, or `latest`."""

from pathlib import Path

from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import LATEST, RUN_FILE, load_run

RUN_HELP = "A run directory, a run.json, or latest (in .graphcheck/runs)."


def saved_run(word: str) -> tuple[Run, Path]:
    """The run that `word` names, and its directory. Raises UsageError if there is none that can be read."""
    path = Path(".graphcheck", "runs", LATEST) if word == LATEST else Path(word)
    run = load_run(path)
    # The link may name another run by the time that somebody uses what is printed.
    return run, path.parent / path.readlink() if path.is_symlink() else path


def file_of(path: Path) -> Path:
    """The document itself."""
    return path / RUN_FILE if path.is_dir() else path
