"""The files of a tree, read and parsed by as many processes as the machine has cores."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import Opaque
from imp_graphcheck.source.python.facts import FileFacts
from imp_graphcheck.source.python.reader import read_file
from imp_graphcheck.source.python.source_text import decode
from imp_graphcheck.source.python.syntax import UnreadableError

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "dist-packages"})
_LARGEST_BYTES = 8 << 20
_BATCH_BYTES = 1 << 20
_FEW_BYTES = 6 << 20
"""Below it, starting processes takes longer than they save."""

OnProgress = Callable[[int, int], None]


@dataclass(slots=True)
class Tree:
    """What was read of a directory: the facts of each file, and what could not be read."""

    directory: Path
    files: list[FileFacts] = field(default_factory=list)
    opaque: list[Opaque] = field(default_factory=list)


def read_tree(
    directory: Path, jobs: int | None = None, on_progress: OnProgress = lambda _done, _all: None
) -> Tree:
    """Read every Python file below `directory`. Links are not followed. Raises UsageError if there is none."""
    tree = Tree(directory)
    paths, sizes = _paths(directory, tree.opaque)
    if not paths:
        raise UsageError(
            f"{directory}: no Python source in it.", hint="files are known by their names: they end in .py"
        )
    batches = list(_batches(paths, sizes))
    jobs = min(jobs or os.cpu_count() or 1, 8)
    if jobs == 1 or sum(sizes) < _FEW_BYTES:
        for number, batch in enumerate(batches):
            _take(tree, _read_batch(directory, batch))
            on_progress(number + 1, len(batches))
        return tree
    # A fork would copy whatever threads the caller has.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_read_batch, directory, batch) for batch in batches]
        for number, future in enumerate(waiting):
            _take(tree, future.result())
            on_progress(number + 1, len(batches))
    return tree


def _take(tree: Tree, read: tuple[list[FileFacts], list[Opaque]]) -> None:
    tree.files += read[0]
    tree.opaque += read[1]


def _paths(directory: Path, opaque: list[Opaque]) -> tuple[list[str], list[int]]:
    paths, sizes = [], []

    def unreadable(error: OSError) -> None:
        name = os.path.relpath(error.filename or directory, directory)
        opaque.append(Opaque(file=name, reason=error.strerror or str(error)))

    for folder, folders, names in os.walk(directory, onerror=unreadable):
        folders[:] = sorted(name for name in folders if _is_read(folder, name))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith(".py") or os.path.islink(path):
                continue
            relative = os.path.relpath(path, directory)
            try:
                size = os.path.getsize(path)
            except OSError as error:
                opaque.append(Opaque(file=relative, reason=error.strerror or str(error)))
                continue
            if size > _LARGEST_BYTES:
                opaque.append(Opaque(file=relative, reason=f"larger than {_LARGEST_BYTES >> 20} MiB"))
                continue
            paths.append(relative)
            sizes.append(size)
    return paths, sizes


def _is_read(folder: str, name: str) -> bool:
    """Whether a folder belongs to the program: no cache, and no environment with other people's packages."""
    if name in _SKIPPED or name.startswith("."):
        return False
    return not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))


def _batches(paths: list[str], sizes: list[int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for path, size in zip(paths, sizes, strict=True):
        batch.append(path)
        total += size
        if total >= _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _read_batch(directory: Path, paths: list[str]) -> tuple[list[FileFacts], list[Opaque]]:
    files, opaque = [], []
    for path in paths:
        try:
            files.append(read_file(decode((directory / path).read_bytes()), path))
        except UnreadableError as error:
            opaque.append(Opaque(file=path, first=error.line, last=error.line, reason=str(error)))
        except OSError as error:
            opaque.append(Opaque(file=path, reason=error.strerror or str(error)))
    return files, opaque
