"""Two captures of one key, compared."""

import struct
from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.drift import check_drift, missing_from_key
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.site import Site

STATIC = Allocation(generation=1, address=0x1000, size_bytes=512)
MEMORY = {
    1: STATIC,
    2: replace(STATIC, generation=2, address=0x5000),
    3: replace(STATIC, generation=3, address=0x8000, pool="pool A"),
    4: replace(STATIC, generation=4, address=0x9000, pool="pool B"),
}


def word(value: int) -> str:
    return struct.pack("<q", value).hex()


def tensor(address: int, generation: int, *sizes: int) -> Param:
    data = word(address) + "".join(map(word, sizes))
    return Param(
        name="self", data=data, pointers=(Pointer(offset=0, address=address, generation=generation),)
    )


def number(value: int) -> Param:
    return Param(name="alpha", data=word(value))


def node(index: int = 0, **changes: Any) -> Node:
    base = Node(
        index=index,
        kind="kernel",
        name="mul",
        grid=(4, 1, 1),
        block=(128, 1, 1),
        params=(tensor(0x1000, 1, 8), number(2)),
    )
    return replace(base, **changes)


def graph(*nodes: Node, pool: str) -> GraphTrace:
    return GraphTrace(key="k", nodes=nodes, capture_seconds=0.0, pool_bytes=0, pool=pool)


def drift(mine: tuple[Node, ...], theirs: tuple[Node, ...]) -> list[str]:
    findings = check_drift(
        graph(*mine, pool="pool A"),
        graph(*theirs, pool="pool B"),
        MEMORY,
        base_facts={"q_offset": 0, "tokens": 64},
        other_facts={"q_offset": 512, "tokens": 64},
    )
    assert not findings or findings[-1].code == "GC306"
    assert all("q_offset 0 -> 512" in finding.message for finding in findings)
    return [finding.code for finding in findings[:-1]]


def test_equal_graphs_have_no_drift() -> None:
    assert drift((node(),), (node(),)) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"params": (tensor(0x1000, 1, 8), number(514))}, "GC301"),
        ({"params": (tensor(0x1000, 1, 16), number(2))}, "GC301"),
        ({"params": (number(2),)}, "GC301"),
        ({"grid": (8, 1, 1)}, "GC302"),
        ({"shared_bytes": 4096}, "GC302"),
        ({"name": "mul_long"}, "GC303"),
        ({"dependencies": (3,)}, "GC303"),
        ({"params": (tensor(0x5000, 2, 8), number(2))}, "GC304"),
        ({"params": (tensor(0x1040, 1, 8), number(2))}, "GC304"),
        ({"params": (tensor(0x1000, 2, 8), number(2))}, "GC304"),
        ({"params": (Param(name="self", data=word(0) + word(8)), number(2))}, "GC304"),
    ],
)
def test_what_differs_is_named(changes: dict[str, Any], code: str) -> None:
    assert drift((node(),), (node(**changes),)) == [code]


def test_geometry_explains_the_scalars_of_its_node() -> None:
    both = node(grid=(8, 1, 1), params=(tensor(0x1000, 1, 16), number(2)))
    assert drift((node(),), (both,)) == ["GC302"]


def test_intermediates_lie_in_each_graphs_own_pool() -> None:
    mine = node(params=(tensor(0x8000, 3, 8), number(2)))
    theirs = node(params=(tensor(0x9000, 4, 8), number(2)))
    assert drift((mine,), (theirs,)) == []


@pytest.mark.parametrize(
    "changes", [{"size_bytes": 128}, {"direction": "h2d"}, {"params": (tensor(0x5000, 2),)}]
)
def test_copies(changes: dict[str, Any]) -> None:
    copy = Node(
        index=0, kind="memcpy", name="memcpy", direction="d2d", size_bytes=64, params=(tensor(0x1000, 1),)
    )
    assert drift((copy,), (replace(copy, **changes),)) == ["GC305"]


def test_one_node_more_or_less() -> None:
    assert drift((node(),), (node(), node(1))) == ["GC303"]
    assert drift((node(), node(1)), (node(),)) == ["GC303"]


def test_nodes_that_differ_alike_are_counted() -> None:
    mine = tuple(node(index) for index in range(5))
    theirs = tuple(node(index, params=(tensor(0x1000, 1, 8), number(9))) for index in range(5))
    findings = check_drift(
        graph(*mine, pool="a"), graph(*theirs, pool="b"), MEMORY, base_facts={}, other_facts={}
    )
    assert [finding.code for finding in findings] == ["GC301", "GC306"]
    assert "node 0 mul, and 4 more nodes: alpha 2 -> 9" in findings[0].message


def test_floating_point_numbers_read_as_such() -> None:
    mine, theirs = (
        node(params=(Param(name="scale", data=struct.pack("<d", value).hex()),)) for value in (0.5, 2.25)
    )
    findings = check_drift(
        graph(mine, pool="a"), graph(theirs, pool="b"), MEMORY, base_facts={}, other_facts={}
    )
    assert "scale 0.5 -> 2.25" in findings[0].message


def test_facts_that_differ_are_what_the_key_lacks() -> None:
    assert missing_from_key({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": True}) == ("b 2 -> 3", "c None -> True")


def test_what_also_differs_between_captures_of_one_call_does_not_count() -> None:
    base, other = node(), node(params=(tensor(0x1000, 1, 8), number(9)))
    control = node(params=(tensor(0x1000, 1, 8), number(5)))
    options: dict[str, Any] = {"base_facts": {}, "other_facts": {}}
    graphs = (graph(base, pool="a"), graph(other, pool="b"))
    assert check_drift(*graphs, MEMORY, **options, controls=[graph(base, pool="c")])
    assert check_drift(*graphs, MEMORY, **options, controls=[graph(control, pool="c")]) == ()


def test_a_capture_that_never_repeats_itself_tells_nothing() -> None:
    graphs = (graph(node(), pool="a"), graph(node(name="exp"), pool="b"))
    control = graph(node(name="log"), pool="c")
    assert check_drift(*graphs, MEMORY, base_facts={}, other_facts={}, controls=[control]) == ()


def test_what_the_other_call_does_not_repeat_does_not_count() -> None:
    graphs = (graph(node(), pool="a"), graph(node(params=(tensor(0x1000, 1, 8), number(9))), pool="b"))
    same = graph(node(params=(tensor(0x1000, 1, 8), number(9))), pool="c")
    another = graph(node(params=(tensor(0x1000, 1, 8), number(11))), pool="c")
    options: dict[str, Any] = {"base_facts": {}, "other_facts": {}}
    assert check_drift(*graphs, MEMORY, **options, repeats=[same])
    assert check_drift(*graphs, MEMORY, **options, repeats=[another]) == ()


def test_a_word_that_was_no_address_tells_nothing() -> None:
    def with_pointer(address: int, generation: int, confirmed: bool | None) -> tuple[Node, ...]:
        pointer = Pointer(offset=0, address=address, generation=generation, confirmed=confirmed)
        return (node(params=(Param(name="self", data=word(address), pointers=(pointer,)),)),)

    assert drift(with_pointer(0x1000, 1, True), with_pointer(0x5000, 2, None)) == ["GC304"]
    assert drift(with_pointer(0x1000, 1, False), with_pointer(0x5000, 2, None)) == []


def drift_of(*graphs: GraphTrace, controls: tuple[GraphTrace, ...] = (), moved_on: bool = False) -> list[str]:
    findings = check_drift(
        *graphs, MEMORY, base_facts={}, other_facts={}, controls=controls, moved_on=moved_on
    )
    return [finding.code for finding in findings]


def test_what_comes_before_a_divergence_is_told_too() -> None:
    front, back = node(0, params=(tensor(0x1000, 1, 8), number(3))), node(1, name="exp")
    mine, theirs = graph(node(), node(1), pool="pool A"), graph(front, back, pool="pool B")
    assert drift_of(mine, theirs) == ["GC301", "GC303", "GC306"]
    behind = graph(node(), back, node(2, params=(tensor(0x1000, 1, 8), number(3))), pool="pool B")
    assert drift_of(graph(node(), node(1), node(2), pool="pool A"), behind) == ["GC303", "GC306"]


def test_a_pointer_that_moves_with_every_capture_counts_where_replays_are_wrong() -> None:
    slots = [
        graph(node(0, params=(tensor(0x1000 + 64 * slot, 1, 8),)), pool=f"pool {slot}") for slot in range(3)
    ]
    base, control, other = slots
    assert drift_of(base, other, controls=(control,)) == []
    assert drift_of(base, other, controls=(control,), moved_on=True) == ["GC304"]


def test_memory_that_was_handed_out_anew_has_not_moved_on() -> None:
    dead = MEMORY | {2: replace(MEMORY[2], state="freed")}
    base, control, other = (
        graph(node(0, params=(tensor(address, generation, 8),)), pool=f"pool {address}")
        for address, generation in ((0x5000, 2), (0x1000, 1), (0x1040, 1))
    )
    findings = check_drift(
        base, other, dead, base_facts={}, other_facts={}, controls=(control,), moved_on=True
    )
    assert findings == ()


def test_every_line_with_the_same_kind_of_difference_is_named() -> None:
    lines = [Site(file="model.py", line=line, function="forward") for line in (3, 9, 3)]
    nodes = [node(place, launch=place) for place in range(3)]
    others = [node(place, launch=place, params=(tensor(0x1000, 1, 8), number(5))) for place in range(3)]
    mine = replace(graph(*nodes, pool="pool A"), sites=tuple(lines))
    first, _ = check_drift(
        mine,
        replace(graph(*others, pool="pool B"), sites=tuple(lines)),
        MEMORY,
        base_facts={},
        other_facts={},
    )
    assert first.launch_site == lines[0]
    assert first.consequences == ("so does node 1 mul, launched at model.py:9 forward()",)
