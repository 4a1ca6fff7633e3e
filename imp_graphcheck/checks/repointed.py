"""GC203, told by the program itself: a second capture of the same call reads other memory, while what the first one reads is
live. Whoever holds the old tensor, the program does not compute with it any more.
"""

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field

from imp_graphcheck.checks.lifetimes import READS, Moved, Use, replaced
from imp_graphcheck.checks.twins import twins
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Pointer, generations_in
from imp_graphcheck.record.memory import Allocation


@dataclass(slots=True)
class _Pair:
    """What took the place of what, and who reads it."""

    old: Allocation
    new: Allocation
    uses: list[Use] = field(default_factory=list)


def check_repointed(
    base: GraphTrace, again: GraphTrace, memory: Mapping[int, Allocation]
) -> tuple[Finding, ...]:
    """One finding for all allocations of a line that `base`, the graph that is replayed, reads, and `again` reads nowhere.

    Memory of the graphs' own pools is left out. So is what both read, each in its place: buffers that take turns, and
    what an earlier call left in the padding of a struct. So is scratch: what the graph writes before it reads it may lie
    anywhere.
    """
    mine, theirs = generations_in((base,)), generations_in((again,))
    left, taken_up = _held(mine - theirs, memory, base), _held(theirs - mine, memory, again)
    if left and taken_up:
        left = {number: held for number, held in left.items() if number in _with_content(base, left)}
    pairs: dict[int, _Pair] = {}
    if left and taken_up:
        for use, twin in _twins(base, again, left):
            old, new = left[use.pointer.generation or 0], taken_up.get(twin.generation or 0)
            if new is not None and use.pointer.displacement == twin.displacement:
                pairs.setdefault(old.generation, _Pair(old, new)).uses.append(use)
    by_line: dict[object, list[_Pair]] = {}
    for pair in pairs.values():
        site = pair.old.allocation_site
        line = pair.old.generation if site is None else (site.file, site.line)
        by_line.setdefault(line, []).append(pair)
    return tuple(
        replaced(
            [pair.old for pair in of_line],
            [use for pair in of_line for use in pair.uses],
            "is live, but the same call reads other memory when it is captured again",
            Moved(
                name="what it reads",
                old=of_line[0].old.address,
                new=of_line[0].new.address,
                site=of_line[0].new.allocation_site,
            ),
        )
        for of_line in by_line.values()
    )


def _held(
    generations: Collection[int], memory: Mapping[int, Allocation], graph: GraphTrace
) -> dict[int, Allocation]:
    """Those allocations that are in somebody's hands, and not the graph's own."""
    return {
        generation: held
        for generation in generations
        if (held := memory.get(generation)) is not None
        and held.state == "live"
        and held.space == "device"
        and held.pool != graph.pool
    }


def _with_content(graph: GraphTrace, generations: Container[int | None]) -> set[int]:
    """Those that the graph reads more of than it has written before. An access that nobody knows counts as a read."""
    written: dict[int, list[tuple[int, int]]] = {}
    found: set[int] = set()
    for node in graph.nodes:
        uses = [
            pointer
            for param in node.params
            for pointer in param.pointers
            if pointer.generation in generations and pointer.confirmed is not False
        ]
        for pointer in uses:
            if pointer.access in READS and not _is_covered(pointer, written.get(pointer.generation or 0, [])):
                found.add(pointer.generation or 0)
        for pointer in uses:
            if pointer.access == "write" and pointer.span_bytes is not None:
                end = pointer.displacement + pointer.span_bytes
                written.setdefault(pointer.generation or 0, []).append((pointer.displacement, end))
    return found


def _is_covered(pointer: Pointer, written: list[tuple[int, int]]) -> bool:
    if pointer.span_bytes is None:
        return False
    first, end = pointer.displacement, pointer.displacement + pointer.span_bytes
    return any(start <= first and end <= stop for start, stop in written)


def _twins(
    base: GraphTrace, again: GraphTrace, generations: Container[int | None]
) -> Iterator[tuple[Use, Pointer]]:
    """The pointers into `generations` that are read, each with the one in its place; as far as both graphs run the
    same kernels.
    """
    for mine, theirs in zip(base.nodes, again.nodes, strict=False):
        if (mine.kind, mine.name, len(mine.params)) != (theirs.kind, theirs.name, len(theirs.params)):
            return
        for param, other in zip(mine.params, theirs.params, strict=True):
            for pointer, twin in twins(param, other) if param.pointers and other.pointers else ():
                if pointer.generation not in generations or twin is None or twin.generation is None:
                    continue
                if pointer.access in READS and pointer.confirmed is not False:
                    yield Use(base, mine, param, pointer), twin
