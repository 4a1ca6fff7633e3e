"""The files of a tree, read and parsed by as many processes as the machine has cores."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from imp_graphcheck.apis import CALLS
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import Opaque
from imp_graphcheck.source.cpp.facts import FileFacts
from imp_graphcheck.source.cpp.macros import dropping
from imp_graphcheck.source.cpp.preprocessor import Macro, clean, statements_of, substitutes_of
from imp_graphcheck.source.cpp.reader import TooSlowError, read_file

SUFFIXES = (".cpp", ".cc", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".hh", ".inl", ".c")
_SKIPPED = frozenset({".git", ".svn", "node_modules", "__pycache__", ".venv", "CMakeFiles"})
_LARGEST_BYTES = 8 << 20
_BATCH_BYTES = 1 << 20
_FEW_BYTES = 4 << 20
_DEEPEST = 50_000
_LARGE_TABLE_BYTES = 64 << 10
_DATA_PER_CALL = 2_000
_CUDA_CALL = re.compile(r"\bcu(da|blas|dnn)?[A-Z]\w*\s*\(")

OnProgress = Callable[[int, int], None]


@dataclass(slots=True)
class Tree:
    """What was read of a directory: the facts of each file, all macros, and what could not be read."""

    files: list[FileFacts]
    macros: dict[str, list[Macro]]
    opaque: list[Opaque]


@dataclass(slots=True)
class _Texts:
    texts: dict[str, str] = field(default_factory=dict)
    opaque: list[Opaque] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MacroWords:
    """The macros of the whole tree that change how a file is read: see `read_file`."""

    substitutes: dict[str, str]
    calling: frozenset[str]
    dropping: frozenset[str]
    statements: frozenset[str]
    known: frozenset[str]


def read_tree(
    directory: Path, jobs: int | None = None, on_progress: OnProgress = lambda _done, _all: None
) -> Tree:
    """Read every C++ and CUDA file below `directory`. Links are not followed. Raises UsageError if there is none."""
    read = _read_texts(directory)
    files = _parse(read, jobs, on_progress)
    return Tree(files, _macros(files), [*read.opaque, *_opaque(files)])


def _read_texts(directory: Path) -> _Texts:
    found = _Texts()
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(names):
            if not name.endswith(SUFFIXES):
                continue
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, directory)
            if os.path.islink(path):
                continue
            try:
                if os.path.getsize(path) > _LARGEST_BYTES:
                    found.opaque.append(
                        Opaque(file=relative, reason=f"larger than {_LARGEST_BYTES >> 20} MiB")
                    )
                    continue
                with open(path, "rb") as file:
                    data = file.read()
            except OSError as error:
                found.opaque.append(Opaque(file=relative, reason=error.strerror or str(error)))
                continue
            if b"\0" in data[:4096]:
                found.opaque.append(Opaque(file=relative, reason="it is no text"))
                continue
            found.texts[relative] = data.decode("utf-8", "replace")
    if not found.texts:
        raise UsageError(
            f"{directory}: no C++ or CUDA source in it.",
            hint="files are known by their names: " + " ".join(SUFFIXES),
        )
    return found


def _parse(read: _Texts, jobs: int | None, on_progress: OnProgress) -> list[FileFacts]:
    macros = defaultdict(list)
    for path, text in read.texts.items():
        for macro in clean(text, path).macros if "define" in text else ():
            macros[macro.name].append(macro)
    words = _MacroWords(
        substitutes=substitutes_of(macros),
        calling=_words_that_call(macros),
        dropping=dropping(macros),
        statements=statements_of(macros),
        known=frozenset(macros),
    )
    batches = list(_batches(read.texts))
    jobs = min(jobs or os.cpu_count() or 1, 8)
    if jobs == 1 or sum(map(len, read.texts.values())) < _FEW_BYTES:
        found: list[FileFacts] = []
        for number, batch in enumerate(batches):
            found += _parse_batch(batch, words, read.opaque)
            on_progress(number + 1, len(batches))
        return found
    found = []
    # A fork would copy whatever threads the caller has; a spawned process imports the grammar, 0.1 s.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_parse_apart, batch, words) for batch in batches]
        for number, future in enumerate(waiting):
            facts, opaque = future.result()
            found += facts
            read.opaque += opaque
            on_progress(number + 1, len(batches))
    return found


def _batches(texts: dict[str, str]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size = 0
    for path, text in texts.items():
        batch.append((path, text))
        size += len(text)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parse_apart(batch: list[tuple[str, str]], words: _MacroWords) -> tuple[list[FileFacts], list[Opaque]]:
    opaque: list[Opaque] = []
    return _parse_batch(batch, words, opaque), opaque


def _parse_batch(batch: list[tuple[str, str]], words: _MacroWords, opaque: list[Opaque]) -> list[FileFacts]:
    found = []
    # The reader goes down with the nesting of the source: an `else if` of a thousand branches is a thousand deep.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEPEST))
    for path, text in batch:
        if _is_data(text):
            opaque.append(Opaque(file=path, reason="it holds data and hardly any code"))
            found.append(FileFacts(path=path, lines=text.count("\n") + 1))
            continue
        try:
            facts = read_file(
                text,
                path,
                substitutes=words.substitutes,
                macros=words.calling,
                dropping=words.dropping,
                statements=words.statements,
                known=words.known,
            )
        except RecursionError:
            opaque.append(Opaque(file=path, reason="nested too deeply to be read"))
        except TooSlowError as error:
            opaque.append(Opaque(file=path, reason=str(error)))
        else:
            found.append(facts)
    return found


def _is_data(text: str) -> bool:
    """Whether a file is a table of numbers, as compiled kernels are kept: parsing it costs much and finds nothing."""
    return (
        len(text) > _LARGE_TABLE_BYTES
        and text.count("(") * _DATA_PER_CALL < len(text)
        and _CUDA_CALL.search(text) is None
    )


def _macros(files: Iterable[FileFacts]) -> dict[str, list[Macro]]:
    found: dict[str, list[Macro]] = defaultdict(list)
    for facts in files:
        for macro in facts.macros:
            found[macro.name].append(macro)
    return found


def _words_that_call(macros: dict[str, list[Macro]]) -> frozenset[str]:
    """Macros without parentheses whose use may be a call."""
    return frozenset(
        name
        for name, definitions in macros.items()
        if name not in CALLS and any(each.parameters is None and "(" in each.body for each in definitions)
    )


def _opaque(files: Iterable[FileFacts]) -> Iterator[Opaque]:
    for facts in files:
        for first, last, words in facts.opaque:
            yield Opaque(file=facts.path, first=first, last=last, reason=words)
