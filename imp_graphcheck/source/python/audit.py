"""The audit of a Python tree from the functions that a capture runs. Nothing of the tree is imported or executed."""

import time
from collections.abc import Sequence
from pathlib import Path

from imp_graphcheck.record.audit import Opaque, SourceTree
from imp_graphcheck.source.python.entries import capturing, find_entry, prewarm_roots
from imp_graphcheck.source.python.index import Index
from imp_graphcheck.source.python.program import Program
from imp_graphcheck.source.python.reach import Walk
from imp_graphcheck.source.python.report import Report
from imp_graphcheck.source.python.syntax import deeper
from imp_graphcheck.source.python.tree import OnProgress, read_tree
from imp_graphcheck.source.source_audit import SourceAudit


def audit_python(
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
    index = Index(read)
    program = Program(index)
    roots = [context for name in entries for context in find_entry(index, name)]
    with deeper():
        walk = Walk(program)
        reached = walk.from_entries(roots)
        roots = prewarm_roots(index, reached, prewarm) if prewarm or walk.has_first_calls(reached) else []
        early = walk.from_entries(roots, stop=capturing(index), always=True)
        sites = Report(program, reached, early).sites()
    deep = [
        Opaque(
            file=index.functions[number].file,
            first=index.functions[number].line,
            last=index.functions[number].last_line,
            reason="nested too deeply to be read",
        )
        for number in sorted(program.too_deep)
    ]
    tree = SourceTree(
        directory=str(directory),
        language="python",
        entries=tuple(entries),
        files=len(read.files),
        lines=sum(facts.lines for facts in read.files),
        functions=len(index.functions),
        reached_functions=len(reached.best),
        seconds=time.monotonic() - started,
        opaque=(*read.opaque, *deep),
        unknown_calls=tuple(sorted(set(reached.unknown))),
    )
    return SourceAudit(sites=tuple(sites), tree=tree)
