"""GC301 to GC306: two captures of two calls with the same graph key, compared node by node, before any replay.

Whatever differs between them is frozen in the graph and wrong for the other call. Three things do not count: pointers
into each graph's own pool, which lie elsewhere by design; pointers into the same allocation at the same place; and
bytes of a pointer word themselves.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from imp_graphcheck.checks.changed_words import changed_words
from imp_graphcheck.checks.twins import twins
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node, Param
from imp_graphcheck.record.memory import DEFAULT_POOL, Allocation
from imp_graphcheck.rules import RULES

Facts = Mapping[str, int | float | str | bool]
"""What a call is, in the program's own words: `{"q_offset": 512, "tokens": 256}`."""

Aspect = tuple[str | int, ...]
"""One way in which two nodes can differ: geometry, size, a pointer, a word."""
Aspects = dict[Aspect, str]


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
    controls: Sequence[GraphTrace] = (),
    repeats: Sequence[GraphTrace] = (),
    host_addresses: Container[int] = (),
    moved_on: bool = False,
) -> tuple[Finding, ...]:
    """What differs between `base` and `other`, captured for another call of its key.

    `controls` are further captures of the first call. What differs between two captures of one call (the padding of a
    struct, an address on the host's stack, memory handed out anew) does not come from the call, and does not count.
    `repeats` are further captures of the other call: what the call decides is the same in all of them. Nor does a word
    count that is one of `host_addresses`.

    `moved_on`: the replays are wrong. Then a pointer counts too that lands elsewhere in each capture, whatever the call,
    in memory that is alive all the while: the host goes on to the next slot of a ring, and the graph stays where it was.
    """
    missing = missing_from_key(base_facts, other_facts)
    if any(_first_divergence(base, control) is not None for control in controls):
        return ()
    if any(_first_divergence(other, repeat) is not None for repeat in repeats):
        return ()
    divergence = _first_divergence(base, other)
    shared = len(base.nodes) if divergence is None else _shared(base, other)
    # What follows a divergence follows from it. What comes before does not.
    fronts = [_front(trace, shared) for trace in (base, other)]
    more = [_front(trace, shared) for trace in controls], [_front(trace, shared) for trace in repeats]
    found = _settled(fronts[0], fronts[1], memory, *more)
    for word in changed_words(
        fronts[0], fronts[1], controls=more[0], repeats=more[1], host_addresses=host_addresses
    ):
        found.setdefault(word.node, {})["word", word.param, word.offset] = word.detail
    differences = [*_differences(base, found), *([divergence] if divergence is not None else [])]
    findings = [_finding(base, difference, missing) for difference in differences]
    if findings:
        findings.append(_incomplete_key(base, findings[0], missing))
    elif moved_on and controls:
        moving = _moved_on(base, other, memory, controls)
        findings = [_finding(base, difference, None) for difference in _differences(base, moving)]
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


def _shared(base: GraphTrace, other: GraphTrace) -> int:
    """How many nodes the two graphs have in common before the first that differs."""
    pairs = zip(base.nodes, other.nodes, strict=False)
    return next(
        (
            place
            for place, (mine, theirs) in enumerate(pairs)
            if (mine.kind, mine.name, mine.dependencies) != (theirs.kind, theirs.name, theirs.dependencies)
        ),
        min(len(base.nodes), len(other.nodes)),
    )


def _front(trace: GraphTrace, count: int) -> GraphTrace:
    return trace if count >= len(trace.nodes) else replace(trace, nodes=trace.nodes[:count])


def _moved_on(
    base: GraphTrace, other: GraphTrace, memory: Mapping[int, Allocation], controls: Sequence[GraphTrace]
) -> dict[int, Aspects]:
    """The pointers that are elsewhere in `other` and in every control, always in memory that is still alive.

    What is handed out anew for each call is dead by the time the next one is prepared.
    """
    alive = {
        number: each for number, each in memory.items() if each.state == "live" and each.pool == DEFAULT_POOL
    }
    found = _aspects_by_node(base, other, alive, known_only=True)
    for control in controls:
        again = _aspects_by_node(base, control, alive, found, known_only=True)
        found = {
            place: {aspect: detail for aspect, detail in aspects.items() if aspect in again.get(place, {})}
            for place, aspects in found.items()
        }
    pointers = {
        place: {aspect: detail for aspect, detail in aspects.items() if aspect[0] == "pointer"}
        for place, aspects in found.items()
    }
    return {place: aspects for place, aspects in pointers.items() if aspects}


def _differences(base: GraphTrace, found: Mapping[int, Aspects]) -> Iterable[_Difference]:
    """For each kind of difference the nodes that have it; what follows from a difference is not told again."""
    differences: dict[str, _Difference] = {}
    for place, aspects in sorted(found.items()):
        node, (first, detail) = base.nodes[place], next(iter(aspects.items()))
        code = _code(node, first)
        differences.setdefault(code, _Difference(code, node, detail)).nodes.append(node.index)
    return differences.values()


def _settled(
    base: GraphTrace,
    other: GraphTrace,
    memory: Mapping[int, Allocation],
    controls: Sequence[GraphTrace],
    repeats: Sequence[GraphTrace],
) -> dict[int, Aspects]:
    """In which ways the nodes differ, by their place: in `other` and every repeat of it, and in no control."""
    found = _aspects_by_node(base, other, memory)
    for control in controls:
        noise = _aspects_by_node(base, control, memory, found)
        found = {
            place: {
                aspect: detail for aspect, detail in aspects.items() if aspect not in noise.get(place, {})
            }
            for place, aspects in found.items()
        }
    for repeat in repeats:
        again = _aspects_by_node(base, repeat, memory, found)
        found = {
            place: {
                aspect: detail
                for aspect, detail in aspects.items()
                if _is_same(aspect, aspects, again.get(place, {}))
            }
            for place, aspects in found.items()
        }
    return {place: aspects for place, aspects in found.items() if aspects}


def _aspects_by_node(
    base: GraphTrace,
    other: GraphTrace,
    memory: Mapping[int, Allocation],
    only: Collection[int] | None = None,
    *,
    known_only: bool = False,
) -> dict[int, Aspects]:
    """In which ways the nodes differ that do, by their place; with `only`, of those nodes.

    `known_only`: pointers count that land in one of `memory` in both.
    """
    own = _Own(base, other, memory)
    if known_only:
        own.known = frozenset(memory)
    places = range(len(base.nodes)) if only is None else only
    aspects = ((place, _aspects(base.nodes[place], other.nodes[place], own)) for place in places)
    return {place: found for place, found in aspects if found}


class _Own:
    """Which allocations are in the own pools of two graphs: there the same thing lies elsewhere by design."""

    known: frozenset[int] | None = None
    """Where it is set: the only allocations that count."""

    def __init__(self, base: GraphTrace, other: GraphTrace, memory: Mapping[int, Allocation]) -> None:
        def of(pool: str | None) -> frozenset[int]:
            return frozenset(
                number for number, each in memory.items() if pool is not None and each.pool == pool
            )

        self._before = of(base.pool)
        self._after = of(other.pool)

    def covers(self, before: int, after: int) -> bool:
        """Whether both are in the pool of their graph, or one is not to be counted."""
        if self.known is not None and not (before in self.known and after in self.known):
            return True
        return before in self._before and after in self._after


def _aspects(mine: Node, theirs: Node, own: _Own) -> Aspects:
    """In which ways two nodes of the same kernel differ, the most telling first."""
    found: Aspects = {}
    for name, here, there in (
        ("grid", mine.grid, theirs.grid),
        ("block", mine.block, theirs.block),
        ("shared_bytes", mine.shared_bytes, theirs.shared_bytes),
    ):
        if here != there:
            found[("geometry", name)] = f"{name} {_geometry(here)} -> {_geometry(there)}"
    if mine.kind in ("memcpy", "memset") and mine.size_bytes != theirs.size_bytes:
        found[("size",)] = f"{mine.size_bytes} bytes -> {theirs.size_bytes} bytes"
    if mine.direction != theirs.direction:
        found[("direction",)] = f"{mine.direction} -> {theirs.direction}"
    if len(mine.params) != len(theirs.params):
        found[("arguments",)] = f"{len(mine.params)} arguments -> {len(theirs.params)}"
        return found
    for place, (before, after) in enumerate(zip(mine.params, theirs.params, strict=True)):
        if before == after:
            continue
        if before.pointers or after.pointers:
            for offset, detail in _moved_pointers(before, after, own):
                found[("pointer", place, offset)] = f"{before.name} {detail}"
        if len(before.data) != len(after.data):
            found[("word", place, 0)] = (
                f"{before.name} {len(before.data) // 2} bytes -> {len(after.data) // 2} bytes"
            )
    return found


def _is_same(aspect: Aspect, found: Aspects, again: Aspects) -> bool:
    """Whether a repetition shows the same difference; the address of a pointer may be another each time."""
    return aspect in again and (aspect[0] == "pointer" or found[aspect] == again[aspect])


def _code(node: Node, aspect: Aspect) -> str:
    if aspect[0] == "geometry":
        return "GC302"
    if node.kind in ("memcpy", "memset"):
        return "GC305"
    return "GC304" if aspect[0] == "pointer" else "GC301"


def _moved_pointers(before: Param, after: Param, own: _Own) -> Iterator[tuple[int, str]]:
    """The pointers of two parameters that land in different places, by offset.

    A word whose allocation nobody knows on either side tells nothing, nor does one that is no address for certain.
    """
    for pointer, other in twins(before, after):
        if pointer.generation is None or pointer.confirmed is False:
            continue
        if other is None:
            yield pointer.offset, "is an address here and none there"
            continue
        if other.generation is None:
            continue
        if own.covers(pointer.generation, other.generation):
            continue
        if pointer.generation == other.generation and pointer.address != other.address:
            yield (
                pointer.offset,
                f"byte {pointer.displacement} -> {other.displacement} of the same allocation",
            )
        elif pointer.address != other.address:
            yield pointer.offset, f"{pointer.address:#x} -> {other.address:#x}"
        elif pointer.generation != other.generation:
            yield pointer.offset, f"{pointer.address:#x} -> the same address, allocated anew"


def _geometry(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _finding(base: GraphTrace, difference: _Difference, missing: tuple[str, ...] | None) -> Finding:
    """`missing` is None where the calls do not matter: the host moves on by itself."""
    node, count = difference.first, len(difference.nodes)
    more = f", and {count - 1} more nodes" if count > 1 else ""
    if missing is None:
        calls = (
            " from one capture to the next, of the same call too: the host goes on to another place each time"
        )
    else:
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
        consequences=_other_lines(base, difference),
    )


def _other_lines(base: GraphTrace, difference: _Difference, limit: int = 4) -> tuple[str, ...]:
    """The other lines that launch nodes with the same kind of difference: each may have a number of its own."""
    first = base.launch_site(difference.first)
    lines = {} if first is None else {(first.file, first.line): ""}
    by_index = {node.index: node for node in base.nodes} if len(difference.nodes) > 1 else {}
    for index in difference.nodes[1:]:
        node = by_index.get(index)
        site = None if node is None else base.launch_site(node)
        if node is not None and site is not None:
            lines.setdefault((site.file, site.line), f"so does node {index} {node.name}, launched at {site}")
        if len(lines) > limit:
            break
    return tuple(line for line in lines.values() if line)


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
