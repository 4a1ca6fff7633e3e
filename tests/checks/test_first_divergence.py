"""The first operator that matters of those that differ, and what counts as different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imp_graphcheck.checks.first_divergence import (
    Executed,
    Mark,
    Region,
    differs,
    diverged,
    first_mismatch,
    first_that_matters,
    writers,
)

ONE, TWO = Mark((1, 1, 1), 1.0, 0.5), Mark((2, 2, 2), 2.0, 1.0)


def op(
    name: str = "op",
    *,
    reads: tuple[int, ...] = (),
    writes: tuple[int, ...] = (),
    mark: Mark | None = ONE,
    shape: str = "f[1]",
) -> Executed:
    """Each number stands for a buffer of its own."""
    return Executed(
        op=name,
        layouts=(shape,) * len(writes),
        reads=tuple(map(buffer, reads)),
        writes=tuple(map(buffer, writes)),
        marks=(mark,) * len(writes),
    )


def buffer(number: int) -> Region:
    return Region(number * 100, number * 100 + 100)


class TestMismatch:
    def test_none(self) -> None:
        run = [op("a", writes=(1,)), op("b", writes=(2,))]
        assert first_mismatch(run, list(run)) is None

    @pytest.mark.parametrize(
        ("other", "place"),
        [
            ([op("a", writes=(1,)), op("c", writes=(2,))], 1),
            ([op("a", writes=(1,)), op("b", writes=(2,), shape="f[2]")], 1),
            ([op("a", writes=(1,))], 1),
            ([op("a", writes=(1,)), op("b", writes=(2,)), op("c", writes=(3,))], 2),
            ([op("a", writes=(7,)), op("b", writes=(8,))], None),
        ],
    )
    def test_by_name_layout_and_length_not_by_address(self, other: list[Executed], place: int | None) -> None:
        run = [op("a", writes=(1,)), op("b", writes=(2,))]
        assert first_mismatch(run, other) == first_mismatch(other, run) == place


class TestDifference:
    def test_equal_content_never_differs(self) -> None:
        assert not differs(ONE, TWO, ONE)

    def test_any_difference_counts_where_eager_is_exact(self) -> None:
        assert differs(ONE, ONE, Mark((1, 1, 2), 1.0, 0.5))

    def test_what_was_not_looked_at_does_not_differ(self) -> None:
        assert not differs(None, None, TWO)
        assert not differs(ONE, ONE, None)
        assert differs(ONE, None, TWO)

    @pytest.mark.parametrize(("mean", "expected"), [(0.53, False), (0.55, True)])
    def test_noise_is_allowed_four_times(self, mean: float, expected: bool) -> None:
        again, graph = Mark((2, 2, 2), 1.0, 0.51), Mark((3, 3, 3), 1.0, mean)
        assert differs(ONE, again, graph) is expected

    def test_noise_brings_no_nan(self) -> None:
        again, graph = Mark((2, 2, 2), 9.0, 9.0), Mark((3, 3, 3), 1.0, 0.5, nonfinite=1)
        assert differs(ONE, again, graph)

    def test_only_up_to_the_mismatch(self) -> None:
        eager, graph = [op(writes=(n,)) for n in range(3)], [op(writes=(n,), mark=TWO) for n in range(3)]
        assert diverged(eager, eager, graph, 2) == {0, 1}


class TestSearch:
    RUN = (
        op(writes=(1,)),  # 0
        op(reads=(1,), writes=(2,)),  # 1
        op(reads=(9,), writes=(3,)),  # 2 reads what nobody wrote
        op(reads=(2,), writes=(4,)),  # 3
        op(reads=(4,), writes=(5,)),  # 4
    )

    def first(self, different: set[int], end: int = 5) -> int | None:
        return first_that_matters(self.RUN, different, [buffer(end)], len(self.RUN))

    def test_the_first_of_a_chain(self) -> None:
        assert self.first({1, 3, 4}) == 1
        assert self.first({0, 1, 3, 4}) == 0

    def test_what_nothing_comes_of_is_left_out(self) -> None:
        assert self.first({2, 4}) == 4, "2 is read by nobody"
        assert self.first({0, 4}) == 4, "1 and 3 are right, whatever 0 wrote"
        assert self.first({2}) is None

    def test_memory_that_is_used_again_belongs_to_its_last_writer(self) -> None:
        run = (op(writes=(1,)), op(reads=(1,), writes=(2,)), op(writes=(1,)), op(reads=(1,), writes=(3,)))
        assert first_that_matters(run, {0, 3}, [buffer(3)], 4) == 3
        assert first_that_matters(run, {2, 3}, [buffer(3)], 4) == 2

    def test_a_part_is_no_cover(self) -> None:
        whole, half = (
            op(writes=(1,)),
            Executed(op="half", layouts=("f",), reads=(), writes=(Region(150, 200),), marks=(ONE,)),
        )
        assert writers((whole, half, op(writes=(2,))), buffer(1), 3) == [1, 0]
        assert writers((half, whole), buffer(1), 2) == [1]
        assert first_that_matters((whole, half), {0}, [buffer(1)], 2) == 0

    def test_in_place_reads_what_it_writes(self) -> None:
        run = (op(writes=(1,)), op(reads=(1,), writes=(1,)))
        assert first_that_matters(run, {0, 1}, [buffer(1)], 2) == 0

    @given(st.data())
    def test_it_is_always_one_of_those_that_differ(self, data: st.DataObject) -> None:
        numbers = st.integers(0, 6)
        run = [
            op(reads=(data.draw(numbers), data.draw(numbers)), writes=(data.draw(numbers),))
            for _ in range(data.draw(st.integers(1, 12)))
        ]
        different = data.draw(st.sets(st.integers(0, len(run) - 1)))
        end = data.draw(numbers)
        found = first_that_matters(run, different, [buffer(end)], len(run))
        last = writers(run, buffer(end), len(run))
        assert found is None or found in different
        assert (found is not None) == bool(set(last) & different)
