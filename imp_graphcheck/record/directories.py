"""Directories of saved results: one each, named by the time."""

from datetime import datetime
from pathlib import Path

from imp_graphcheck.errors import UsageError

_LONGEST_NAME = 60


def new_directory(parent: Path, started: datetime, target: str = "") -> Path:
    """Make `parent/<time>-<target>`, with a number behind it if there is one already. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True)
    name = f"{started:%Y%m%d-%H%M%S}" + (f"-{_plain(target)}" if target else "")
    for number in range(1000):
        directory = parent / (name if number == 0 else f"{name}-{number}")
        try:
            directory.mkdir()
        except FileExistsError:
            continue
        return directory
    raise UsageError(f"{parent}: too many {parent.name} were started in this second.", hint="try again")


def _plain(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return kept.strip(".-")[:_LONGEST_NAME] or "target"
