"""Numbers that differ between two captures, pointers and noise aside."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imp_graphcheck.checks.changed_words import changed_words
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer

WIDTHS = (8, 4, 1)


def graph(
    *params: tuple[bytes, ...], pointers: dict[tuple[int, int], tuple[int, ...]] | None = None
) -> GraphTrace:
    """One node for each tuple of parameters; `pointers` are offsets by node and parameter."""
    nodes = tuple(
        Node(
            index=index,
            kind="kernel",
            name="k",
            params=tuple(
                Param(
                    name=f"arg{place}",
                    data=data.hex(),
                    pointers=tuple(
                        Pointer(offset=offset, address=1, generation=1)
                        for offset in (pointers or {}).get((index, place), ())
                    ),
                )
                for place, data in enumerate(of_node)
            ),
        )
        for index, of_node in enumerate(params)
    )
    return GraphTrace(key="k", nodes=nodes, capture_seconds=0.0, pool_bytes=0)


def details(*args: GraphTrace, **options: list[GraphTrace]) -> list[tuple[int, int, int, str]]:
    found = changed_words(*args, **options)  # type: ignore[arg-type]
    return [(word.node, word.param, word.offset, word.detail) for word in found]


def q(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def test_place_and_values() -> None:
    base = graph((q(1), q(7)), (b"", q(2, 3)))
    other = graph((q(1), q(7)), (b"", q(2, 512)))
    assert details(base, other) == [(1, 1, 8, "arg1 3 -> 512")]


def test_floating_point_numbers() -> None:
    assert details(graph((struct.pack("<d", 0.5),)), graph((struct.pack("<d", 0.25),))) == [
        (0, 0, 0, "arg0 0.5 -> 0.25")
    ]
    assert details(graph((struct.pack("<f", 1.5),)), graph((struct.pack("<f", 2.5),))) == [
        (0, 0, 0, "arg0 1.5 -> 2.5")
    ]


def test_a_number_beside_padding_that_changes_all_the_time() -> None:
    """struct { void* p; int q_offset; /* 4 bytes that nobody writes */ }"""

    def struct_of(q_offset: int, padding: int) -> bytes:
        return struct.pack("<qii", 4096, q_offset, padding)

    base, other = graph((struct_of(0, 111),)), graph((struct_of(512, 222),))
    control, repeat = graph((struct_of(0, 333),)), graph((struct_of(512, 444),))
    assert details(base, other, controls=[control], repeats=[repeat]) == [(0, 0, 8, "arg0 0 -> 512")]
    assert details(base, control, controls=[control]) == []


def test_what_a_repeat_does_not_show_again_is_noise() -> None:
    assert details(graph((q(1),)), graph((q(2),)), repeats=[graph((q(3),))]) == []
    assert details(graph((q(1),)), graph((q(2),)), repeats=[graph((q(2),))]) == [(0, 0, 0, "arg0 1 -> 2")]


def test_a_small_parameter() -> None:
    assert details(graph((b"\x01",)), graph((b"\x00",))) == [(0, 0, 0, "arg0 1 -> 0")]
    assert details(graph((b"abc",)), graph((b"abd",))) == [(0, 0, 2, "arg0 99 -> 100")]


def test_the_first_of_a_node_speaks_for_it() -> None:
    base, other = graph((q(1), q(2, 3)), (q(4),)), graph((q(1), q(8, 9)), (q(5),))
    assert details(base, other) == [(0, 1, 0, "arg1 2 -> 8"), (1, 0, 0, "arg0 4 -> 5")]


def test_nodes_of_other_sizes_are_left_out() -> None:
    assert details(graph((q(1),), (q(1),)), graph((q(1, 2),), (q(5),))) == [(1, 0, 0, "arg0 1 -> 5")]


def test_what_nobody_wrote_in_one_node_nobody_wrote_in_another_of_its_kind() -> None:
    base = graph((q(1, 7),), (q(2, 7),))
    other = graph((q(1, 8),), (q(3, 9),))
    control = graph((q(1, 6),), (q(2, 7),))
    assert details(base, other, controls=[control]) == [(1, 0, 0, "arg0 2 -> 3")]
    elsewhere = [
        replace(each, nodes=(each.nodes[0], replace(each.nodes[1], grid=(2, 1, 1))))
        for each in (base, other, control)
    ]
    assert details(elsewhere[0], elsewhere[1], controls=[elsewhere[2]]) == [(1, 0, 0, "arg0 2 -> 3")]
    assert changed_words(elsewhere[0], elsewhere[1])[0].offset == 8


def test_an_address_of_the_host_is_no_number() -> None:
    left_behind = range(0x7F00_0000_0000, 0x7F00_1000_0000)
    base, other = graph((q(0, 1),), (q(0),)), graph((q(0x7F00_0000_1234, 2),), (q(0x7F00_0000_5678),))
    found = changed_words(base, other, host_addresses=left_behind)
    assert [(word.node, word.offset, word.detail) for word in found] == [(0, 8, "arg0 1 -> 2")]
    assert len(changed_words(base, other)) == 2
    assert changed_words(other, base, host_addresses=left_behind)[0].detail == "arg0 2 -> 1"


@given(data=st.data())
def test_words_that_differ_beside_the_pointers(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.sampled_from([1, 2, 4, 7, 8, 12, 16, 24]), min_size=1, max_size=4))
    mine = [data.draw(st.binary(min_size=size, max_size=size)) for size in sizes]
    theirs = [bytes(byte ^ data.draw(st.sampled_from([0, 0, 0, 1])) for byte in each) for each in mine]
    offsets = {
        (node, 0): tuple(sorted(data.draw(st.sets(st.sampled_from(range(0, size - 7, 8))))))
        for node, size in enumerate(sizes)
        if size >= 8
    }
    found = changed_words(
        graph(*((each,) for each in mine), pointers=offsets), graph(*((each,) for each in theirs))
    )

    first: dict[int, int] = {}
    for node, size in enumerate(sizes):
        covered = {at for start in offsets.get((node, 0), ()) for at in range(start, start + 8)}
        differing = [at for at in range(size) if mine[node][at] != theirs[node][at] and at not in covered]
        if differing:
            first[node] = differing[0]
    assert {word.node for word in found} == set(first)
    assert all(word.offset <= first[word.node] < word.offset + 8 for word in found)


def test_the_pointers_of_both_sides_are_left_out() -> None:
    base, other = graph((q(1, 5),)), graph((q(2, 5),))
    pointed = graph((q(2, 5),), pointers={(0, 0): (0,)})
    assert details(base, other)
    assert details(base, pointed) == []
    assert details(replace(pointed), base) == []


@pytest.mark.parametrize("at", [0, 4, 8, 12])
@pytest.mark.parametrize("half", [0, 4])
def test_nor_where_it_lies_across_two_words(at: int, half: int) -> None:
    """A struct of four-byte fields is copied with what lay in its gaps: half of such an address may be all that differs."""
    mine, theirs = bytearray(24), bytearray(24)
    mine[at : at + 8] = (0x7F00_0C5A_B464).to_bytes(8, "little")
    theirs[at : at + 8] = mine[at : at + 8]
    theirs[at + half] ^= 0x11
    base, other = graph((bytes(mine),)), graph((bytes(theirs),))
    assert changed_words(base, other)
    assert not changed_words(base, other, host_addresses=range(0x7F00_0000_0000, 0x7F80_0000_0000))
    mine[20], theirs[20] = 1, 2
    base, other = graph((bytes(mine),)), graph((bytes(theirs),))
    (found,) = changed_words(base, other, host_addresses=range(0x7F00_0000_0000, 0x7F80_0000_0000))
    assert found.offset <= 20 < found.offset + 8
