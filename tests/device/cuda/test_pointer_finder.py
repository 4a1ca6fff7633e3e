"""Which words are addresses, and whose memory they are in."""

import struct
from typing import Any

import pytest

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.driver_memory import DriverMemory
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.cuda.launches import Launches
from imp_graphcheck.device.cuda.memory_history import Drained
from imp_graphcheck.device.cuda.node_builder import build_nodes
from imp_graphcheck.device.cuda.pointer_finder import PointerFinder
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.device.stack import take_stack
from imp_graphcheck.record.graph import Node, Pointer

BASE = 0x7F12_3400_0000
PINNED = 0x7F99_0000_0000
HOST, DEVICE = 1, 2


class Bench:
    """A card whose allocator had one block of 1,024 bytes at BASE, and what is to be read on it."""

    def __init__(self, bindings: Any) -> None:
        self.bindings = bindings
        self.driver = BindingsDriver(bindings, "13.3.1")
        self.journal = Journal(0)
        self.memory = DriverMemory(self.driver)
        self.before: int | None = None
        """The last mark before every node."""
        self.happened(("alloc", BASE, 1024))

    def happened(self, *events: tuple[str, int, int], mark: int | None = None) -> None:
        """Events of the allocator."""
        label = "" if mark is None else f"imp-graphcheck:{mark}"
        drained = [{"action": a, "addr": at, "size": n, "user_metadata": label} for a, at, n in events]
        for event in drained:
            self.journal._see(event)

    def nodes(self, *nodes: Any, marks: dict[int, int] | None = None, launches: Any = ()) -> tuple[Node, ...]:
        self.bindings.add(1, nodes)
        raw = read_nodes(self.driver, 1)
        finder = PointerFinder(
            self.journal, self.memory, lambda created: (self.before, (marks or {}).get(created))
        )
        return build_nodes(raw, finder.find(raw), Launches(launches, int))

    def kernel(self, make: Any, *arguments: bytes, marks: dict[int, int] | None = None) -> Node:
        layout, offset = [], 0
        for argument in arguments:
            layout.append((offset, len(argument)))
            offset += len(argument)
        self.bindings.layouts["function", 7] = layout
        (node,) = self.nodes(make.kernel(7, arguments=arguments), marks=marks)
        return node


@pytest.fixture
def bench(bindings: Any) -> Bench:
    """See the class."""
    return Bench(bindings)


def found(node: Node) -> list[tuple[str, int, int]]:
    return [(param.name, each.offset, each.displacement) for param in node.params for each in param.pointers]


def pointer(node: Node) -> Pointer:
    ((only,),) = [param.pointers for param in node.params if param.pointers]
    return only


def word(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


class TestWords:
    def test_a_pointer_and_what_is_none(self, bench: Bench, make: Any) -> None:
        node = bench.kernel(make, word(BASE + 16), struct.pack("<i", 5), word(1), word(BASE + 1024))
        assert found(node) == [("arg0", 0, 16)]
        assert [param.data for param in node.params] == [
            word(BASE + 16).hex(),
            "05000000",
            word(1).hex(),
            word(BASE + 1024).hex(),
        ]
        only = pointer(node)
        assert (only.address, only.generation, only.access, only.span_bytes) == (
            BASE + 16,
            1,
            "unknown",
            None,
        )

    def test_pointers_inside_a_struct_by_value(self, bench: Bench, make: Any) -> None:
        assert found(bench.kernel(make, word(3, BASE, 0x4_0000_0040, BASE + 8))) == [
            ("arg0", 8, 0),
            ("arg0", 24, 8),
        ]

    def test_padding_that_looks_like_an_address_is_found_too(self, bench: Bench, make: Any) -> None:
        padded = struct.pack("<i", 1) + word(BASE)[4:] + word(BASE + 512)
        assert found(bench.kernel(make, padded)) == [("arg0", 8, 512)]

    def test_an_address_in_two_halves_is_not_found(self, bench: Bench, make: Any) -> None:
        assert found(bench.kernel(make, word(BASE)[:4], word(BASE)[4:])) == []

    def test_an_address_off_the_grid_of_words_is_not_found(self, bench: Bench, make: Any) -> None:
        assert found(bench.kernel(make, bytes(4) + word(BASE) + bytes(4))) == []

    def test_bytes_after_the_last_whole_word(self, bench: Bench, make: Any) -> None:
        assert found(bench.kernel(make, word(BASE) + b"abc")) == [("arg0", 0, 0)]

    def test_a_packed_buffer(self, bench: Bench, make: Any) -> None:
        (node,) = bench.nodes(make.kernel(7, packed=bytes(16) + word(BASE) + bytes(1696)))
        assert found(node) == [("arg0", 16, 0)]
        assert len(node.params[0].data) == 2 * 1720

    def test_without_any_parameter(self, bench: Bench, make: Any) -> None:
        assert bench.nodes(make.kernel(7), make.Node(5))[0].params == ()

    def test_a_number_is_asked_of_the_driver_once(self, bench: Bench, make: Any) -> None:
        asked: list[int] = []
        bench.bindings.cuPointerGetAttribute = lambda _, address: asked.append(address) or (1, 0)
        bench.kernel(make, *[word(0x4_0000_0040)] * 5, word(64))
        assert asked == [0x4_0000_0040]


class TestOwners:
    def test_freed_memory_belongs_to_its_last_owner(self, bench: Bench, make: Any) -> None:
        bench.happened(("free_requested", BASE, 1024), ("segment_free", BASE, 1024))
        assert pointer(bench.kernel(make, word(BASE))).generation == 1
        bench.journal.read(Drained([], []))
        life = bench.journal.now(1)
        assert life is not None
        assert life.state == "unmapped"

    def test_without_marks_the_last_owner_counts(self, bench: Bench, make: Any) -> None:
        bench.happened(("free_requested", BASE, 1024), ("alloc", BASE, 512))
        assert pointer(bench.kernel(make, word(BASE))).generation == 2

    def test_the_owner_at_the_time_of_the_node(self, bench: Bench, make: Any) -> None:
        bench.happened(("free_requested", BASE, 1024), ("alloc", BASE, 512), mark=5)
        assert pointer(bench.kernel(make, word(BASE), marks={0: 5})).generation == 1
        assert pointer(bench.kernel(make, word(BASE), marks={0: 6})).generation == 2
        assert pointer(bench.kernel(make, word(BASE + 512), marks={0: 6})).displacement == 512

    def test_what_was_gone_before_the_node_is_padding(self, bench: Bench, make: Any) -> None:
        bench.happened(("free_requested", BASE, 1024), mark=4)
        bench.before = 4
        assert pointer(bench.kernel(make, word(BASE))).generation == 1, (
            "freed after mark 4, maybe by this operator"
        )
        bench.before = 5
        assert pointer(bench.kernel(make, word(BASE))).generation is None

    def test_memory_of_other_libraries(self, bench: Bench, make: Any) -> None:
        bench.bindings.regions = [(PINNED, 4096, 77, DEVICE)]
        only = pointer(bench.kernel(make, word(PINNED + 8)))
        assert only.generation is not None
        assert (only.generation < 0, only.displacement) == (True, 8)
        life = bench.memory.now(only.generation)
        assert life is not None
        assert (life.state, life.space, life.pool, life.size_bytes) == ("live", "device", "default", 4096)
        bench.bindings.regions = [(PINNED, 4096, 78, DEVICE)]
        life = bench.memory.now(only.generation)
        assert life is not None
        assert life.state == "unmapped", "another buffer lies there now"

    def test_what_the_graph_allocates_is_nobodys_yet(self, bench: Bench, make: Any) -> None:
        bench.bindings.regions = [(PINNED, 4096, 77, DEVICE)]
        bench.bindings.layouts["function", 7] = [(0, 8)]
        alloc, kernel, free = bench.nodes(
            make.alloc(512, PINNED), make.kernel(7, arguments=[word(PINNED)]), make.free(PINNED)
        )
        assert [pointer(node).generation for node in (alloc, kernel, free)] == [None] * 3


class TestCopies:
    def test_on_the_device(self, bench: Bench, make: Any) -> None:
        (node,) = bench.nodes(make.copy((DEVICE, BASE), (DEVICE, BASE + 512)))
        source, target = [param.pointers[0] for param in node.params]
        assert (source.access, source.span_bytes, source.displacement) == ("read", 64, 0)
        assert (target.access, target.span_bytes, target.displacement) == ("write", 64, 512)

    def test_pageable(self, bench: Bench, make: Any) -> None:
        (node,) = bench.nodes(make.copy((HOST, 0x5555), (DEVICE, BASE)))
        source = node.params[0].pointers[0]
        assert source.generation is not None
        life = bench.memory.now(source.generation)
        assert life is not None
        assert (life.space, life.state, life.address, life.size_bytes) == ("pageable", "live", 0x5555, 64)

    def test_a_target_that_nobody_knows(self, bench: Bench, make: Any) -> None:
        (node,) = bench.nodes(make.memset(1, 8, 1, dst=0x2_0000_0000))
        assert pointer(node).generation is None
        assert pointer(node).address == 0x2_0000_0000


def test_operators_and_lines(bench: Bench, make: Any) -> None:
    bench.bindings.add(2, [make.Node(5)])
    first, second = take_stack(), take_stack()
    launches = [
        Launch(op="aten.add", stack=first, ended=2),
        Launch(op="aten.mm", stack=second, began=2, ended=3),
        Launch(op="aten.mul", stack=first, began=3, ended=4),
    ]
    nodes = bench.nodes(
        make.Node(5), make.Node(5), make.child(2), make.Node(5), make.Node(5), launches=launches
    )
    assert [node.op for node in nodes] == ["aten.add"] * 2 + ["aten.mm"] * 2 + ["aten.mul", None]
    assert [node.launch for node in nodes] == [0, 0, 0, 0, 0, None], "both stacks are of one line"
