"""Pointers that stand in the same place of two parameters."""

from collections.abc import Iterable

from imp_graphcheck.record.graph import Param, Pointer


def twins(mine: Param, theirs: Param) -> Iterable[tuple[Pointer, Pointer | None]]:
    """Each pointer of `mine` with the one at the same offset of `theirs`; None where there is none."""
    first, second = mine.pointers, theirs.pointers
    if len(first) == 1 == len(second):  # a tensor as most programs pass it: no need of a dictionary
        return ((first[0], second[0] if first[0].offset == second[0].offset else None),)
    by_offset = {pointer.offset: pointer for pointer in second}
    return [(pointer, by_offset.get(pointer.offset)) for pointer in first]
