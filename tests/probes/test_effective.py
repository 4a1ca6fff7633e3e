"""The search for the lines that matter: it finds them all, and asks little."""

from collections.abc import Sequence
from math import ceil, log2

from hypothesis import given
from hypothesis import strategies as st

from imp_graphcheck.probes.poison import effective


@given(st.data())
def test_finds_exactly_those_with_an_effect(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 200))
    harmful = data.draw(st.sets(st.integers(0, max(size - 1, 0)), max_size=8)) if size else set()
    asked = 0

    def has_effect(group: Sequence[int]) -> bool:
        nonlocal asked
        asked += 1
        return bool(harmful & set(group))

    assert effective(range(size), has_effect) == sorted(harmful)
    levels = ceil(log2(size)) if size > 1 else 0
    assert asked <= 1 + 2 * len(harmful) * levels
