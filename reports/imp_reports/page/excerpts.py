"""The source around a site, read when the page is made: the record holds lines, not texts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from textwrap import dedent

from imp_graphcheck.record.site import Site

AROUND = 2
SUFFIXES = (
    ".py",
    ".pyx",
    ".pyi",
    ".cpp",
    ".cc",
    ".cxx",
    ".c",
    ".cu",
    ".cuh",
    ".h",
    ".hh",
    ".hpp",
    ".hxx",
    ".inl",
    ".inc",
)
"""Of files that may be shown."""

_LARGEST_BYTES = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcerptLine:
    """One line of source; `hit` is the one that the site names."""

    number: int
    text: str
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Lines around a site, or why there are none. `remark` is a doubt about lines that are shown."""

    lines: tuple[ExcerptLine, ...] = ()
    remark: str = ""


class Sources:
    """Reads source files below `roots` only: a record may come from somebody else, and its paths may name anything."""

    def __init__(self, roots: Sequence[Path], started_at: str) -> None:
        self._roots = tuple(root.resolve() for root in roots)
        self._started = _moment(started_at)
        self._read = lru_cache(maxsize=64)(_read)

    def around(self, site: Site) -> Excerpt:
        """The lines around `site`."""
        path = self._found(site.file)
        if isinstance(path, str):
            return Excerpt(remark=path)
        try:
            lines = self._read(path)
        except (OSError, UnicodeDecodeError) as error:
            return Excerpt(remark=f"source not shown: {error}")
        if not 1 <= site.line <= len(lines):
            return Excerpt(remark=f"source not shown: the file has {len(lines)} lines now")
        first, last = max(1, site.line - AROUND), min(len(lines), site.line + AROUND)
        while first < site.line and not lines[first - 1].strip():
            first += 1
        while last > site.line and not lines[last - 1].strip():
            last -= 1
        # Without the margin that all lines share: a narrow screen has no room for it.
        texts = dedent("\n".join(lines[first - 1 : last])).split("\n")
        return Excerpt(
            lines=tuple(
                ExcerptLine(number=number, text=text, hit=number == site.line)
                for number, text in enumerate(texts, start=first)
            ),
            remark=self._doubt(path),
        )

    def _found(self, file: str) -> Path | str:
        """The file, or why it is not read."""
        if not file.endswith(SUFFIXES) or "\0" in file:
            return "source not shown: not a source file"
        candidates = [path.resolve() for path in (root / file for root in self._roots)]
        inside = [path for path in candidates if any(path.is_relative_to(root) for root in self._roots)]
        if not inside:
            return "source not shown: it lies outside the folders that --source names"
        # Of a name that no file system takes, os.path says no, and Path raises.
        there = next((path for path in inside if os.path.isfile(path)), None)
        if there is None:
            return "source not shown: the file is not here"
        if there.stat().st_size > _LARGEST_BYTES:
            return "source not shown: the file is too large"
        return there

    def _doubt(self, path: Path) -> str:
        if self._started is not None and path.stat().st_mtime > self._started:
            return "the file was changed after the run: the lines may have moved"
        return ""


def _read(path: Path) -> list[str]:
    return [line.expandtabs(4) for line in path.read_text(encoding="utf-8").splitlines()]


def _moment(started_at: str) -> float | None:
    """Seconds since the epoch; None for a record that does not say when it was made."""
    try:
        return datetime.fromisoformat(started_at).timestamp()
    except ValueError:
        return None
