"""A bisection where RUN is expected: its directory, or its `bisection.json`."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.bisection import BISECTION_FILE, Bisection, load_bisection
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import RUN_FILE, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBisection:
    """A bisection and where it lies."""

    bisection: Bisection
    directory: Path

    def first_run(self) -> Run | None:
        """What the first trial recorded. The records of trials may have been cleared away, or not come along."""
        if not self.bisection.trials or not self.bisection.trials[0].run:
            return None
        record = self.directory / self.bisection.trials[0].run / RUN_FILE
        # The document may come from somebody else: its names lead nowhere but below it.
        if not record.resolve().is_relative_to(self.directory.resolve()):
            return None
        try:
            return load_run(record)
        except UsageError:
            return None


def saved_bisection(word: str) -> SavedBisection | None:
    """The bisection that `word` names; None if it names none, and may name a run. Raises UsageError if it is damaged."""
    path = Path(word)
    if path.is_dir() and (path / BISECTION_FILE).is_file():
        return SavedBisection(bisection=load_bisection(path), directory=path)
    if path.is_file() and (path.name == BISECTION_FILE or _looks_like_one(path)):
        return SavedBisection(bisection=load_bisection(path), directory=path.parent)
    return None


def _looks_like_one(path: Path) -> bool:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Shape).trials is not None
    except (msgspec.DecodeError, OSError, RecursionError):
        return False


class _Shape(msgspec.Struct):
    """Trials are what a bisection has and a run has not."""

    trials: list[msgspec.Raw] | None = None
