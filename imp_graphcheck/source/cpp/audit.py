"""The audit of a C++ or CUDA tree from the functions that a capture runs."""

import difflib
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from imp_graphcheck.apis import CALLS, judge
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import AuditSite, Fate, Opaque, Reach, SourceTree, Step
from imp_graphcheck.source.cpp.facts import FileFacts, Function
from imp_graphcheck.source.cpp.guards import GuardClass
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.macros import dropping, expansions_of
from imp_graphcheck.source.cpp.preprocessor import Macro, clean, substitutes_of
from imp_graphcheck.source.cpp.reach import Condition, Reached, Walk, Way
from imp_graphcheck.source.cpp.reader import read_file
from imp_graphcheck.source.cpp.resolve import Resolver
from imp_graphcheck.source.cpp.sites import Finder, Found

SUFFIXES = (".cpp", ".cc", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".hh", ".inl", ".c")
_SKIPPED = frozenset({".git", ".svn", "node_modules", "__pycache__", ".venv", "CMakeFiles"})
_LARGEST_BYTES = 8 << 20
_BATCH_BYTES = 1 << 20
_FEW_BYTES = 4 << 20
_PREWARM = re.compile(r"pre_?warm|warm_?up|pre_?alloc|pre_?init|^_?init(ialize)?(_|$|[A-Z])|^reserve", re.IGNORECASE)
_BEGINS_CAPTURE = re.compile(r"^(cuda|cu)Stream(BeginCapture|BeginCaptureToGraph)$")

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAudit:
    """What reading found."""

    sites: tuple[AuditSite, ...]
    tree: SourceTree
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Texts:
    texts: dict[str, str] = field(default_factory=dict)
    opaque: list[Opaque] = field(default_factory=list)


def audit_cpp(
    directory: Path,
    entries: Sequence[str],
    *,
    prewarm: Sequence[str] = (),
    jobs: int | None = None,
    on_progress: OnProgress = lambda _done, _all: None,
) -> SourceAudit:
    """Every site below the functions named `entries`, and those that they do not reach.

    `prewarm` are functions that run before the first capture; without any, they are guessed by their names. Raises
    UsageError when an entry is not there.
    """
    started = time.monotonic()
    read = _read_texts(directory)
    files = _parse(read, jobs, on_progress)
    macros = _macros(files)
    index = Index(files)
    resolver = Resolver(index, expansions_of(macros, frozenset(CALLS)))
    walk = Walk(index, resolver)
    roots = [number for name in entries for number in find_entry(index, name)]
    reached = walk.from_entries(roots)
    capturing = [
        number
        for number, function in enumerate(index.functions)
        if any(_BEGINS_CAPTURE.match(call.name) for call in function.calls)
    ]
    early = walk.from_entries(_prewarm_roots(index, reached, prewarm), stop=capturing)
    report = _Report(index, resolver, walk, reached, early)
    opaque = [*read.opaque, *_opaque(files)]
    tree = SourceTree(
        directory=str(directory),
        language="cpp",
        entries=tuple(entries),
        files=len(files),
        lines=sum(facts.lines for facts in files),
        functions=len(index.functions),
        reached_functions=len(reached.ways),
        seconds=time.monotonic() - started,
        opaque=tuple(opaque),
        unknown_calls=tuple(sorted(set(reached.unknown))),
    )
    return SourceAudit(sites=tuple(report.sites()), tree=tree)


# reading


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
                    found.opaque.append(Opaque(file=relative, reason=f"larger than {_LARGEST_BYTES >> 20} MiB"))
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
            f"{directory}: no C++ or CUDA source in it.", hint="files are known by their names: " + " ".join(SUFFIXES)
        )
    return found


def _parse(read: _Texts, jobs: int | None, on_progress: OnProgress) -> list[FileFacts]:
    macros = defaultdict(list)
    for path, text in read.texts.items():
        for macro in clean(text, path).macros if "define" in text else ():
            macros[macro.name].append(macro)
    substitutes = substitutes_of(macros)
    names = _words_that_call(macros)
    drops = dropping(macros)
    batches = list(_batches(read.texts))
    jobs = min(jobs or os.cpu_count() or 1, 8)
    if jobs == 1 or sum(map(len, read.texts.values())) < _FEW_BYTES:
        found: list[FileFacts] = []
        for number, batch in enumerate(batches):
            found += _parse_batch(batch, substitutes, names, drops, read.opaque)
            on_progress(number + 1, len(batches))
        return found
    found = []
    # A fork would copy whatever threads the caller has; a spawned process imports the grammar, 0.1 s.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_parse_apart, batch, substitutes, names, drops) for batch in batches]
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


def _parse_apart(
    batch: list[tuple[str, str]], substitutes: dict[str, str], names: frozenset[str], drops: frozenset[str]
) -> tuple[list[FileFacts], list[Opaque]]:
    opaque: list[Opaque] = []
    return _parse_batch(batch, substitutes, names, drops, opaque), opaque


def _parse_batch(
    batch: list[tuple[str, str]],
    substitutes: dict[str, str],
    names: frozenset[str],
    drops: frozenset[str],
    opaque: list[Opaque],
) -> list[FileFacts]:
    found = []
    for path, text in batch:
        try:
            found.append(read_file(text, path, substitutes=substitutes, macros=names, dropping=drops))
        except RecursionError:
            opaque.append(Opaque(file=path, reason="nested too deeply to be read"))
    return found


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


# entries


def find_entry(index: Index, name: str) -> list[int]:
    """The functions that `name` means: `f`, `Class::f`, `file.cu:f`. Raises UsageError when there is none."""
    file, _, path = name.rpartition(":") if re.search(r"\.\w+:[^:]", name) else ("", "", name)
    words = tuple(part for part in path.split("::") if part)
    if not words:
        raise UsageError(f"--entry {name!r} names no function.", hint="name one like Class::method or file.cu:function")
    found = [
        number
        for number in index.by_name.get(words[-1], ())
        if (*index.functions[number].scope, words[-1])[-len(words) :] == words
        and (not file or index.functions[number].file.endswith(file))
        and not index.functions[number].is_device
    ]
    if found:
        return found
    near = difflib.get_close_matches(words[-1], index.by_name, n=3)
    raise UsageError(
        f"--entry {name}: no function of this name has a body in the tree.",
        hint=f"did you mean {' or '.join(near)}?" if near else "name a function that is defined in the tree",
    )


def _prewarm_roots(index: Index, reached: Reached, names: Sequence[str]) -> list[int]:
    if names:
        return [number for name in names for number in find_entry(index, name)]
    classes = {index.functions[number].scope for number in reached.ways if index.functions[number].is_method}
    return [
        number
        for number, function in enumerate(index.functions)
        if number not in reached.ways
        and not function.is_device
        and (_PREWARM.search(function.name) or (function.scope in classes and function.name == function.scope[-1]))
    ]


# the sites, with what is known of them

_HARMLESS: dict[GuardClass, str] = {
    "not capturing": "only while nothing is captured",
    "error": "only after an error",
    "debug": "only in builds or runs for debugging",
    "other platform": "only on another platform",
}


class _Report:
    def __init__(self, index: Index, resolver: Resolver, walk: Walk, reached: Reached, early: Reached) -> None:
        self._index = index
        self._resolver = resolver
        self._walk = walk
        self._reached = reached
        self._early = early
        self._finder = Finder(index)

    def sites(self) -> Iterator[AuditSite]:
        seen = set()
        for number, function in enumerate(self._index.functions):
            if function.is_device:
                continue
            for found in self._finder.sites(function, self._resolver.calls(number)):
                key = (function.file, found.call.line, found.api.name, found.kind)
                if key not in seen:
                    seen.add(key)
                    yield self._site(number, function, found)

    def _site(self, number: int, function: Function, found: Found) -> AuditSite:
        way = self._reached.ways.get(number)
        own = self._walk.conditions(number, found.call.guards)
        conditions = [*(way.conditions if way is not None else ()), *own]
        judged = judge(found.api, found.kind, host=found.host)
        fate, reason, notes = judged.fate, judged.reason, [found.note] if found.note else []
        reachable = self._reach(way, conditions, notes)
        fate, reason = self._with_conditions(fate, reason, conditions, notes)
        if reachable == "no":
            fate, reason = "harmless", "the entry does not lead here"
        return AuditSite(
            file=function.file,
            line=found.call.line,
            function=function.qualified,
            api=found.api.name,
            kind=found.kind,
            fate=fate,
            reachable=reachable,
            code=judged.code if fate != "harmless" else None,
            reason=reason,
            remedy=judged.remedy if fate != "harmless" else "",
            guard=_words([*reversed(own), *reversed(way.conditions if way is not None else ())]),
            modes=judged.modes,
            chain=tuple(self._chain(number)),
            host=found.host,
            origins=("source",),
            notes=tuple(notes),
        )

    def _reach(self, way: Way | None, conditions: Sequence[Condition], notes: list[str]) -> Reach:
        kinds = {each.kind for each in conditions}
        if way is None or "dead" in kinds or "other platform" in kinds:
            return "no"
        if not way.is_certain:
            if way.why:
                notes.append(way.why)
            return "maybe"
        return "maybe" if kinds & {"environment", "debug", "error", "not capturing"} else "yes"

    def _with_conditions(
        self, fate: Fate, reason: str, conditions: Sequence[Condition], notes: list[str]
    ) -> tuple[Fate, str]:
        for each in conditions:
            words = _HARMLESS.get(each.kind)
            if words is not None:
                return "harmless", f"{words}: {each.guard}"
        for each in conditions:
            if each.kind in ("first call", "growth"):
                early = self._early.ways.get(each.function)
                is_covered = early is not None and early.is_certain
                if is_covered and each.kind == "first call":
                    return "harmless", f"the first call only, and {self._early_root(each.function)} makes it before"
                when = "the first call only" if each.kind == "first call" else "only when that changes"
                before = f"{self._early_root(each.function)} calls it before" if is_covered else "nothing calls it before"
                notes.append(f"{when}: {each.guard}; {before}")
        return fate, reason

    def _early_root(self, number: int) -> str:
        while (way := self._early.ways[number]).caller is not None:
            number = way.caller
        function = self._index.functions[number]
        return f"{function.qualified}() ({function.file}:{function.line})"

    def _chain(self, number: int) -> Iterator[Step]:
        steps = []
        here: int | None = number
        while here is not None and here in self._reached.ways:
            way = self._reached.ways[here]
            function = self._index.functions[here]
            caller = self._index.functions[way.caller].file if way.caller is not None else function.file
            steps.append(
                Step(function=function.qualified, file=caller, line=way.call.line if way.call is not None else 0)
            )
            here = way.caller
        return reversed(steps)


def _words(conditions: Sequence[Condition]) -> str:
    """The conditions in the words of the source, nearest first, each once. Checks that only leave early say little."""
    telling = [each for each in conditions if each.kind != "other" or each.guard.kind != "return"]
    return " && ".join(dict.fromkeys(str(each.guard) for each in telling))
