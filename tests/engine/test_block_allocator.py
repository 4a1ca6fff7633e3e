"""The block allocator as a state machine: a page is free or owned by one sequence, never both, never the null block."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from imp_engine import RequestError
from imp_engine.kv_cache import NULL_BLOCK, BlockAllocator


class Allocations(RuleBasedStateMachine):
    tables: Bundle[list[int]] = Bundle("tables")

    @initialize(num_blocks=st.integers(2, 40))
    def make(self, num_blocks: int) -> None:
        self.allocator = BlockAllocator(num_blocks)
        self.owned: dict[int, int] = {}
        self.next_owner = 0

    @rule(target=tables, count=st.integers(0, 45))
    def allocate(self, count: int) -> list[int] | MultipleResults[list[int]]:
        if count > self.allocator.num_free:
            free = self.allocator.num_free
            with pytest.raises(RequestError):
                self.allocator.allocate(count)
            assert self.allocator.num_free == free
            return multiple()
        blocks = self.allocator.allocate(count)
        assert len(blocks) == count
        for block in blocks:
            assert block not in self.owned
            assert block != NULL_BLOCK
            assert 0 <= block < self.allocator.num_blocks
            self.owned[block] = self.next_owner
        self.next_owner += 1
        return blocks

    @rule(table=consumes(tables))
    def free(self, table: list[int]) -> None:
        self.allocator.free(table)
        for block in table:
            del self.owned[block]

    @rule(table=consumes(tables))
    def free_twice(self, table: list[int]) -> None:
        self.free(table)
        if table:
            with pytest.raises(RequestError):
                self.allocator.free(table)

    @rule(table=tables)
    def free_a_page_twice_in_one_call(self, table: list[int]) -> None:
        if table:
            with pytest.raises(RequestError):
                self.allocator.free([*table, table[0]])

    @rule(table=tables)
    def free_with_a_stranger(self, table: list[int]) -> None:
        with pytest.raises(RequestError):
            self.allocator.free([*table, NULL_BLOCK])

    @invariant()
    def every_page_is_accounted_for(self) -> None:
        if hasattr(self, "allocator"):
            assert self.allocator.num_owned == len(self.owned)
            assert self.allocator.num_free + self.allocator.num_owned == self.allocator.num_blocks - 1


TestAllocations = Allocations.TestCase
