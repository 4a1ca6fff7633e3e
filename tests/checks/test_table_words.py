"""Which words are addresses."""

import struct

import pytest

from imp_graphcheck.checks.table_words import address_indices, possible_addresses, words_in

BASE = 0x7F10_0000_0000
"""Somebody's memory."""
NUMBER = 0x1234_5678


def test_words_are_little_endian() -> None:
    assert words_in(struct.pack("<3Q", 1, BASE, 2**64 - 1)) == [1, BASE, 2**64 - 1]


def test_what_can_be_no_address() -> None:
    words = (0, 1, 2**32 - 4, 2**32, BASE, BASE + 1, BASE + 2, BASE, 2**57 - 4, 2**57, 2**63)
    assert possible_addresses(struct.pack(f"<{len(words)}Q", *words)) == {2**32, BASE, 2**57 - 4}


@pytest.mark.parametrize(
    ("words", "displacements", "indices"),
    [
        ([BASE], {BASE: 0}, [0]),
        ([NUMBER, BASE, NUMBER], {BASE: 0}, [1]),
        ([BASE + 32], {BASE + 32: 32}, []),  # one number that lies in somebody's memory
        ([NUMBER, BASE + 32, NUMBER], {BASE + 32: 32}, []),
        ([BASE + 32, BASE + 64], {BASE + 32: 32, BASE + 64: 64}, [0, 1]),
        ([BASE + 32, 0, BASE + 64], {BASE + 32: 32, BASE + 64: 64}, [0, 2]),
        ([BASE + 32, NUMBER, BASE + 64], {BASE + 32: 32, BASE + 64: 64}, []),
        ([BASE + 36, BASE + 40], {BASE + 36: 36, BASE + 40: 40}, []),  # rows are aligned
        ([BASE, BASE + 4, BASE + 8], {BASE: 0, BASE + 4: 4, BASE + 8: 8}, [0, 1, 2]),  # scales are not
        ([0, 0, 0], {}, []),
        ([], {}, []),
    ],
)
def test_rows_of_addresses(words: list[int], displacements: dict[int, int], indices: list[int]) -> None:
    assert address_indices(words, displacements) == indices
