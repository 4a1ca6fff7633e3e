"""Two graphs compared node by node: which nodes came and went, and what differs between those that stayed.

Addresses differ between any two runs, so pointers are compared by what they point at: its name, its size, what has become
of it, and the place in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.word import number_of
from imp_reports.arguments import pointers_of
from imp_reports.ownership import Memory, owner, standing
from imp_reports.text import size

Aspect = Literal["geometry", "scalar", "copy", "memory", "arguments", "order"]

POINTER_BYTES = 8
WORD_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """One difference between a node and its counterpart."""

    aspect: Aspect
    before: int
    after: int
    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Pairs of nodes that run the same, and the indices of those without a counterpart."""

    pairs: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def aligned(before: GraphTrace, after: GraphTrace) -> Alignment:
    """Nodes are the same if their kind, kernel and operator are; the longest common runs are paired."""
    old, new = ([(n.kind, n.name, n.op) for n in graph.nodes] for graph in (before, after))
    start = _common(old, new)
    tail = _common(old[start:][::-1], new[start:][::-1])
    pairs = [(n, n) for n in range(start)]
    # What both begin and end with is set aside first: the search in between is what takes time.
    matcher = SequenceMatcher(
        None, old[start : len(old) - tail], new[start : len(new) - tail], autojunk=False
    )
    for block in matcher.get_matching_blocks():
        pairs += [(start + block.a + n, start + block.b + n) for n in range(block.size)]
    pairs += [(len(old) - n, len(new) - n) for n in range(tail, 0, -1)]
    kept_old, kept_new = {a for a, _ in pairs}, {b for _, b in pairs}
    return Alignment(
        pairs=tuple(pairs),
        removed=tuple(n for n in range(len(old)) if n not in kept_old),
        added=tuple(n for n in range(len(new)) if n not in kept_new),
    )


def _common(old: Sequence[object], new: Sequence[object]) -> int:
    count = 0
    for mine, theirs in zip(old, new, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def changes(
    before: GraphTrace, after: GraphTrace, pairs: Sequence[tuple[int, int]], memories: tuple[Memory, Memory]
) -> tuple[NodeChange, ...]:
    """What differs between the nodes of each pair."""
    counterpart = dict(pairs)
    found = []
    for old_index, new_index in pairs:
        old, new = before.nodes[old_index], after.nodes[new_index]
        told: list[tuple[Aspect, str]] = list(_own_differences(old, new))
        if tuple(counterpart.get(n, -1) for n in old.dependencies) != new.dependencies:
            told.append(("order", f"waits for {old.dependencies} -> {new.dependencies}"))
        for mine, theirs in zip_longest(old.params, new.params):
            told += _param_differences(mine, theirs, (before, after), memories)
        found += [
            NodeChange(aspect=aspect, before=old_index, after=new_index, name=new.name, detail=detail)
            for aspect, detail in told
        ]
    return tuple(found)


def _own_differences(old: Node, new: Node) -> Iterator[tuple[Aspect, str]]:
    for name in ("grid", "block", "shared_bytes"):
        mine, theirs = getattr(old, name), getattr(new, name)
        if mine != theirs:
            yield "geometry", f"{name} {_geometry(mine)} -> {_geometry(theirs)}"
    if (old.direction, old.size_bytes) != (new.direction, new.size_bytes):
        yield "copy", f"{old.direction} {size(old.size_bytes)} -> {new.direction} {size(new.size_bytes)}"


def _param_differences(
    old: Param | None,
    new: Param | None,
    graphs: tuple[GraphTrace, GraphTrace],
    memories: tuple[Memory, Memory],
) -> Iterator[tuple[Aspect, str]]:
    if old is None or new is None:
        which = new or old
        yield "arguments", f"{'' if which is None else which.name} {'added' if old is None else 'removed'}"
        return
    mine, theirs = pointers_of(old), pointers_of(new)
    for before, after in zip_longest(mine, theirs):
        was = "no pointer" if before is None else _target(before, graphs[0], memories[0])
        now = "no pointer" if after is None else _target(after, graphs[1], memories[1])
        if was != now:
            yield "memory", f"{new.name} {was} -> {now}"
    for word, (was, now) in enumerate(
        zip_longest(_words(old, mine), _words(new, theirs), fillvalue="nothing")
    ):
        if was != now:
            place = f"[{word}]" if max(len(old.data), len(new.data)) > 2 * WORD_BYTES else ""
            yield "scalar", f"{new.name}{place} {was} -> {now}"


def _target(pointer: Pointer, graph: GraphTrace, memory: Memory) -> str:
    allocation = None if pointer.generation is None else memory.get(pointer.generation)
    state = standing(allocation, graph)
    if state == "own pool":
        return "a transient"
    if allocation is None:
        return "unknown memory"
    inside = f" +{pointer.displacement}" if pointer.displacement else ""
    return f"{owner(allocation)}{inside} ({size(allocation.size_bytes)}, {state})"


def _words(param: Param, pointers: tuple[Pointer, ...]) -> list[str]:
    """The bytes of a parameter as numbers, addresses left out."""
    data = bytearray(bytes.fromhex(param.data))
    for pointer in pointers:
        end = min(len(data), pointer.offset + POINTER_BYTES)
        data[pointer.offset : end] = bytes(end - pointer.offset)
    return [number_of(bytes(data[n : n + WORD_BYTES])) for n in range(0, len(data), WORD_BYTES)]


def _geometry(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
