"""Who had an address last, and before a mark."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imp_graphcheck.device.cuda.address_map import AddressMap
from imp_graphcheck.device.cuda.capture_marks import CaptureMarks
from imp_graphcheck.device.cuda.graph_driver import Capture
from imp_graphcheck.device.cuda.life import Life
from imp_graphcheck.device.cuda.succession import Succession


def life(generation: int, address: int, size: int, began: int = 0) -> Life:
    return Life(generation=generation, address=address, size_bytes=size, occupied_bytes=size, began=began)


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=25)


@given(RANGES)
def test_the_last_owner_of_every_address(ranges: list[tuple[int, int]]) -> None:
    addresses = AddressMap()
    expected: dict[int, list[int]] = {}
    for generation, (start, size) in enumerate(ranges):
        addresses.put(life(generation, start, size, began=generation))
        for address in range(start, start + size):
            expected.setdefault(address, []).append(generation)
    every = list(range(90))
    places = addresses.locate(np.array(every, np.uint64)).tolist()
    for address, place in zip(every, places, strict=True):
        owners = expected.get(address, [])
        found = addresses.at(address)
        assert (None if found is None else found.generation) == (owners[-1] if owners else None)
        assert (place >= 0) == bool(owners)
        if owners:
            assert [each.generation for each in addresses.owners(place, address)] == owners[::-1]
            for mark in range(len(ranges) + 1):
                older = [owner for owner in owners if owner < mark]
                before = addresses.at(address, mark)
                assert (None if before is None else before.generation) == (older[-1] if older else None)


@given(RANGES, st.integers(0, 60), st.integers(1, 20))
def test_gaps_are_what_nobody_ever_had(ranges: list[tuple[int, int]], start: int, size: int) -> None:
    addresses = AddressMap()
    for generation, (at, length) in enumerate(ranges):
        addresses.put(life(generation, at, length))
    gaps = {address for first, last in addresses.gaps(start, start + size) for address in range(first, last)}
    assert gaps == {address for address in range(start, start + size) if addresses.at(address) is None}


class TestSuccession:
    def test_each_time_has_its_owner(self) -> None:
        lives = [life(4, 0, 8, 9), life(3, 0, 8, 5), life(2, 0, 8, 5), life(1, 0, 8, 0)]
        succession = Succession(iter(lives))
        for mark, owner in ((5, 1), (6, 3), (9, 3), (10, 4), (None, 4), (1, 1)):
            found = succession.before(mark)
            assert found is not None
            assert found.generation == owner, mark

    def test_it_goes_back_no_further_than_it_must(self) -> None:
        def owners():  # type: ignore[no-untyped-def]
            yield life(2, 0, 8, 3)
            raise AssertionError("nobody asked for more")

        succession = Succession(owners())
        assert succession.before(4) is succession.before(None)

    def test_an_address_that_nobody_had_yet(self) -> None:
        assert Succession(iter([life(1, 0, 8, 5)])).before(5) is None


class TestMarks:
    NODES = (100, 101, 102, 103)
    """The handles of a graph, in the order of their creation."""

    def test_the_first_mark_that_counts_a_node(self) -> None:
        marks = CaptureMarks()
        for last in ((), (101,), (101,), (102,)):
            marks.make(Capture(1, 64, last))
        marks.settle(64, self.NODES)
        assert [marks.after_node(64, created) for created in range(4)] == [2, 2, 4, None]
        assert marks.after_node(65, 0) is None

    def test_how_many_nodes_there_were(self) -> None:
        marks = CaptureMarks()
        for last in ((), (100, 102), (103,)):
            marks.make(Capture(1, 64, last))
        marks.settle(64, self.NODES)
        assert [marks.nodes_at(64, mark) for mark in range(4)] == [0, 0, 3, 4]
        assert marks.nodes_at(65, 3) == 0

    def test_another_stream_of_the_capture_was_ahead(self) -> None:
        marks = CaptureMarks()
        for last in ((100,), (102,), (101,), (103,)):
            marks.make(Capture(1, 64, last))
        marks.settle(64, self.NODES)
        assert [marks.nodes_at(64, mark) for mark in range(1, 5)] == [1, 3, 3, 4]

    def test_a_handle_that_comes_again_begins_anew(self) -> None:
        marks = CaptureMarks()
        marks.make(Capture(1, 64, (103,)))
        marks.make(Capture(2, 64, (100,)))
        marks.settle(64, self.NODES)
        assert [marks.after_node(64, created) for created in (0, 1)] == [2, None]

    def test_the_last_mark_of_a_capture(self) -> None:
        marks = CaptureMarks()
        assert marks.last_of(64) is None
        for graph in (64, 64, 65):
            marks.make(Capture(graph, graph, ()))
        assert [marks.last_of(64), marks.last_of(65)] == [2, 3]

    def test_captures_of_two_graphs_at_a_time(self) -> None:
        marks = CaptureMarks()
        marks.make(Capture(1, 64, (100,)))
        marks.make(Capture(2, 65, (200,)))
        marks.make(Capture(1, 64, (101,)))
        marks.settle(64, self.NODES)
        marks.settle(65, (200,))
        assert [marks.after_node(64, 1), marks.after_node(65, 0), marks.last] == [3, 2, 3]
