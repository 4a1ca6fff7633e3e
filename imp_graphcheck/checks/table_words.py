"""Which of the words in a piece of memory are addresses, and which only look like one.

A number may lie in somebody's memory by chance. Two things tell: an address that nobody computed is that of an
allocation's first byte, and addresses come in rows. So a row of words, each of them zero or in somebody's memory, is
taken for addresses if one of them is where an allocation begins, or if there are several and all are aligned as
rows of a tensor are. A number that stands among other numbers has to hit the first byte.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

_LEAST, _MOST = 1 << 32, 1 << 57
"""No driver maps memory for a device outside of these."""
_ALIGNMENT = 4
"""Of every address: a table of scales points at single floats."""
_ROW_ALIGNMENT = 16
"""Of addresses in the middle of an allocation, where none of the row is at the beginning of one."""


def words_in(data: bytes) -> list[int]:
    """The 8-byte words."""
    return np.frombuffer(data, "<u8").tolist()  # type: ignore[no-any-return]


def possible_addresses(data: bytes) -> set[int]:
    """The words that may be addresses at all."""
    words = np.frombuffer(data, "<u8")
    possible = words[(words >= _LEAST) & (words < _MOST)]
    return set(possible[possible % _ALIGNMENT == 0].tolist())


def address_indices(words: Sequence[int], displacements: Mapping[int, int]) -> list[int]:
    """The places of the words that are addresses.

    `displacements`: for each word that lies in somebody's memory, how far from the first byte of the allocation.
    """
    return [
        index for row in _rows(words, displacements) if _is_table(row, words, displacements) for index in row
    ]


def _rows(words: Sequence[int], displacements: Mapping[int, int]) -> Iterator[list[int]]:
    """The longest stretches of words that are in somebody's memory, or zero; the zeros are left out."""
    row: list[int] = []
    for index, word in enumerate(words):
        if word in displacements:
            row.append(index)
        elif word and row:
            yield row
            row = []
    if row:
        yield row


def _is_table(row: Sequence[int], words: Sequence[int], displacements: Mapping[int, int]) -> bool:
    found = {displacements[words[index]] for index in row}
    return 0 in found or (len(row) > 1 and all(displacement % _ROW_ALIGNMENT == 0 for displacement in found))
