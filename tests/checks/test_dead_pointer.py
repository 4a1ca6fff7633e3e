"""Which argument a death is put down to, where the device names the node alone."""

import pytest

from imp_graphcheck.checks.dead_pointer import dead_pointer
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation, AllocationState

POOL = "pool 0:1"


def node(*generations: int | None, confirmed: bool | None = None) -> Node:
    params = tuple(
        Param(
            name=f"arg{place}",
            data="",
            pointers=(Pointer(offset=0, address=64 * place, generation=generation, confirmed=confirmed),),
        )
        for place, generation in enumerate(generations)
    )
    return Node(index=0, kind="kernel", name="k", params=params)


def memory(*states: AllocationState, pool: str = "default") -> dict[int, Allocation]:
    return {
        generation: Allocation(generation=generation, address=0, size_bytes=64, pool=pool, state=state)
        for generation, state in enumerate(states)
    }


def blamed(node: Node, known: dict[int, Allocation]) -> str | None:
    trace = GraphTrace(key="g", nodes=(node,), capture_seconds=0.0, pool_bytes=0, pool=POOL)
    found = dead_pointer(trace, node, known)
    return None if found is None else found.param.name


@pytest.mark.parametrize(
    ("states", "argument"),
    [
        (("live", "live"), None),
        (("live", "freed"), "arg1"),
        (("freed", "unmapped"), "arg1"),
        (("unmapped", "unmapped"), "arg0"),
        ((), None),
    ],
)
def test_unmapped_before_freed_before_nobody(
    states: tuple[AllocationState, ...], argument: str | None
) -> None:
    assert blamed(node(0, 1), memory(*states)) == argument


def test_words_that_point_nowhere_are_left_out() -> None:
    assert blamed(node(None), memory("unmapped")) is None
    assert blamed(node(0, confirmed=False), memory("unmapped")) is None
    assert blamed(node(0, confirmed=True), memory("unmapped")) == "arg0"


def test_the_graphs_own_pool_is_not_dead() -> None:
    assert blamed(node(0), memory("freed", pool=POOL)) is None
