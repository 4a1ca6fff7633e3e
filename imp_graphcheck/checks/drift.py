"""GC301 to GC306: two captures of two calls with the same graph key, compared node by node, before any replay.

Whatever differs between them is frozen in the graph and wrong for the other call. Three things do not count: pointers
into each graph's own pool, which lie elsewhere by design; pointers into the same allocation at the same place; and
bytes of a pointer word themselves.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.rules import RULES

_LARGEST_PLAUSIBLE = 1 << 48

Facts = Mapping[str, int | float | str | bool]
"""What a call is, in the program's own words: `{"q_offset": 512, "tokens": 256}`."""


@dataclass(slots=True)
class _Difference:
    """All nodes that differ in one way; the first speaks for them."""

    code: str
    first: Node
    detail: str
    nodes: list[int] = field(default_factory=list)


def check_drift(
    base: GraphTrace,
    other: GraphTrace,
    memory: Mapping[int, Allocation],
    *,
    base_facts: Facts,
    other_facts: Facts,
) -> tuple[Finding, ...]:
    """What differs between `base`, the graph that is replayed, and `other`, captured for another call of its key."""
    own = (base.pool, other.pool)
    missing = missing_from_key(base_facts, other_facts)
    divergence = _first_divergence(base, other)
    if divergence is not None:
        findings = [_finding(base, divergence, missing)]
    else:
        findings = [
            _finding(base, difference, missing)
            for difference in _differences(base, other, memory, own).values()
        ]
    if findings:
        findings.append(_incomplete_key(base, findings[0], missing))
    return tuple(findings)


def missing_from_key(base: Facts, other: Facts) -> tuple[str, ...]:
    """The facts that differ between two calls of one key: `q_offset 0 -> 512`."""
    names = dict.fromkeys((*base, *other))
    return tuple(
        f"{name} {base.get(name)} -> {other.get(name)}" for name in names if base.get(name) != other.get(name)
    )


def _first_divergence(base: GraphTrace, other: GraphTrace) -> _Difference | None:
    """GC303: the first place where the two graphs do not run the same kernel."""
    for mine, theirs in zip(base.nodes, other.nodes, strict=False):
        if (mine.kind, mine.name) != (theirs.kind, theirs.name):
            return _Difference("GC303", mine, f"{mine.name} here, {theirs.name} there", [mine.index])
        if mine.dependencies != theirs.dependencies:
            return _Difference("GC303", mine, "it waits for other nodes there", [mine.index])
    if len(base.nodes) == len(other.nodes):
        return None
    longer = base if len(base.nodes) > len(other.nodes) else other
    extra = longer.nodes[min(len(base.nodes), len(other.nodes))]
    where = "here" if longer is base else "there"
    last = base.nodes[-1] if base.nodes else extra
    return _Difference(
        "GC303", extra if longer is base else last, f"{extra.name} only {where}", [extra.index]
    )


def _differences(
    base: GraphTrace, other: GraphTrace, memory: Mapping[int, Allocation], own: tuple[str | None, str | None]
) -> dict[str, _Difference]:
    found: dict[str, _Difference] = {}

    def note(code: str, node: Node, detail: str) -> None:
        found.setdefault(code, _Difference(code, node, detail)).nodes.append(node.index)

    for mine, theirs in zip(base.nodes, other.nodes, strict=True):
        _compare(mine, theirs, memory, own, note)
    return found


def _compare(
    mine: Node,
    theirs: Node,
    memory: Mapping[int, Allocation],
    own: tuple[str | None, str | None],
    note: Callable[[str, Node, str], None],
) -> None:
    """Note the first way in which two nodes of the same kernel differ; what follows from it is not noted again."""
    for name in ("grid", "block", "shared_bytes"):
        before, after = getattr(mine, name), getattr(theirs, name)
        if before != after:
            note("GC302", mine, f"{name} {_geometry(before)} -> {_geometry(after)}")
            return
    copies = mine.kind in ("memcpy", "memset")
    if copies and (mine.size_bytes, mine.direction) != (theirs.size_bytes, theirs.direction):
        note("GC305", mine, f"{mine.size_bytes} bytes -> {theirs.size_bytes} bytes")
        return
    if len(mine.params) != len(theirs.params):
        note("GC301", mine, f"{len(mine.params)} arguments -> {len(theirs.params)}")
        return
    for before, after in zip(mine.params, theirs.params, strict=True):
        moved = _moved_pointer(before, after, memory, own)
        if moved is not None:
            note("GC305" if copies else "GC304", mine, f"{before.name} {moved}")
            return
        if before.data != after.data and _scalars(before) != _scalars(after):
            note("GC305" if copies else "GC301", mine, f"{before.name} {_values(before, after)}")
            return


def _moved_pointer(
    before: Param, after: Param, memory: Mapping[int, Allocation], own: tuple[str | None, str | None]
) -> str | None:
    """How a pointer of the two parameters lands elsewhere; None when all land where they should."""
    theirs = {pointer.offset: pointer for pointer in after.pointers}
    for pointer in before.pointers:
        other = theirs.get(pointer.offset)
        if other is None:
            return "is an address here and none there"
        pools = tuple(_pool_of(found, memory) for found in (pointer, other))
        if pools == own and own[0] is not None:
            continue
        if pointer.address != other.address:
            return f"{pointer.address:#x} -> {other.address:#x}"
        if pointer.generation != other.generation:
            return f"{pointer.address:#x} -> the same address, allocated anew"
    return None


def _pool_of(pointer: Pointer, memory: Mapping[int, Allocation]) -> str | None:
    allocation = None if pointer.generation is None else memory.get(pointer.generation)
    return None if allocation is None else allocation.pool


def _scalars(param: Param) -> bytes:
    """The bytes of a parameter with its pointer words blanked."""
    data = bytearray.fromhex(param.data)
    for pointer in param.pointers:
        data[pointer.offset : pointer.offset + 8] = bytes(8)
    return bytes(data)


def _values(before: Param, after: Param) -> str:
    """The first 8-byte or 4-byte word that differs, as numbers."""
    mine, theirs = _scalars(before), _scalars(after)
    if len(mine) != len(theirs):
        return f"{len(mine)} bytes -> {len(theirs)} bytes"
    place = next(index for index in range(len(mine)) if mine[index] != theirs[index])
    width = 8 if len(mine) % 8 == 0 else 4 if len(mine) % 4 == 0 else 1
    start = place // width * width
    return " -> ".join(_number(data[start : start + width]) for data in (mine, theirs))


def _number(word: bytes) -> str:
    """A word as a reader would write it: what makes no sensible integer was a floating-point number."""
    integer = int.from_bytes(word, "little", signed=True)
    if len(word) == 8 and abs(integer) > _LARGEST_PLAUSIBLE:
        return f"{struct.unpack('<d', word)[0]:g}"
    if len(word) == 4 and abs(integer) > 1 << 24:
        return f"{struct.unpack('<f', word)[0]:g}"
    return str(integer)


def _geometry(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _finding(base: GraphTrace, difference: _Difference, missing: tuple[str, ...]) -> Finding:
    node, count = difference.first, len(difference.nodes)
    more = f", and {count - 1} more nodes" if count > 1 else ""
    calls = f" when {_few(missing)}" if missing else " for another call of the same key"
    return Finding(
        code=difference.code,
        severity="error",
        confidence="suspected",
        message=(
            f"{RULES[difference.code].title}: node {node.index} {node.name}{more}: {difference.detail}{calls}"
        ),
        remedy=RULES[difference.code].remedy,
        graph=base.key,
        node=node.index,
        kernel=node.name,
        launch_site=base.launch_site(node),
    )


def _incomplete_key(base: GraphTrace, first: Finding, missing: tuple[str, ...]) -> Finding:
    lacks = f"does not hold {_few(missing)}" if missing else "does not tell its calls apart"
    return Finding(
        code="GC306",
        severity="error",
        confidence="suspected",
        message=f"the graph key {lacks}, and the graphs of these calls differ ({first.code} at node {first.node})",
        remedy=RULES["GC306"].remedy,
        graph=base.key,
        launch_site=first.launch_site,
    )


def _few(missing: tuple[str, ...], limit: int = 3) -> str:
    more = f" and {len(missing) - limit} more" if len(missing) > limit else ""
    return ", ".join(missing[:limit]) + more
