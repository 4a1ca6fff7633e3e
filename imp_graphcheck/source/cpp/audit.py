"""The audit of a C++ or CUDA tree from the functions that a capture runs."""

import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from imp_graphcheck.apis import CALLS
from imp_graphcheck.record.audit import SourceTree
from imp_graphcheck.source.cpp.call_text import CallTexts
from imp_graphcheck.source.cpp.entries import capturing, find_entry, prewarm_roots
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.macros import expansions_of
from imp_graphcheck.source.cpp.reach import Walk
from imp_graphcheck.source.cpp.report import Report
from imp_graphcheck.source.cpp.resolve import Resolver
from imp_graphcheck.source.cpp.tree import OnProgress, read_tree
from imp_graphcheck.source.source_audit import SourceAudit


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
    read = read_tree(directory, jobs, on_progress)
    index = Index(read.files, read.macros)
    resolver = Resolver(index, expansions_of(read.macros, frozenset(CALLS)))
    walk = Walk(index, resolver)
    roots = [number for name in entries for number in find_entry(index, name)]
    reached = walk.from_entries(roots)
    early = walk.from_entries(prewarm_roots(index, reached, prewarm), stop=capturing(index), always=True)
    report = Report(index, resolver, walk, reached, early)
    tree = SourceTree(
        directory=str(directory),
        language="cpp",
        entries=tuple(entries),
        files=len(read.files),
        lines=sum(facts.lines for facts in read.files),
        functions=len(index.functions),
        reached_functions=len(reached.ways),
        seconds=time.monotonic() - started,
        opaque=tuple(read.opaque),
        unknown_calls=tuple(sorted(set(reached.unknown))),
    )
    texts = CallTexts(directory)
    sites = (structs.replace(site, text=texts.of(site.file, site.line, site.api)) for site in report.sites())
    return SourceAudit(sites=tuple(sites), tree=tree)
