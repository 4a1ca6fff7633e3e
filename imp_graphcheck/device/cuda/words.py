"""The words of parameters that may be addresses, all parameters of a graph at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from imp_graphcheck.device.cuda.address_map import Addresses, Places
from imp_graphcheck.device.cuda.raw_node import RawParam

_BYTES = 8

_LEAST, _MOST = 1 << 32, 1 << 57
"""No driver maps memory for a device outside of these."""


class Word(NamedTuple):
    """`param` is the position of its parameter, `place` where the map of addresses has it, -1 where it does not."""

    param: int
    offset: int
    value: int
    place: int


def words_of(
    params: Sequence[RawParam], locate: Callable[[Addresses], Places], is_nobodys: Callable[[int], bool]
) -> Iterator[Word]:
    """The words that are addresses, in order: those that the map knows, those that their parameter says are, and of
    the others, each different one asked once, those that are somebody's.
    """
    data = [param.data for param in params]
    counts = np.fromiter(map(len, data), np.intp, len(data)) // _BYTES
    words = np.frombuffer(b"".join([each[: len(each) // _BYTES * _BYTES] for each in data]), "<u8")
    certain = np.repeat(np.fromiter((param.is_address for param in params), np.bool_, len(data)), counts)
    (where,) = np.nonzero(((words >= _LEAST) & (words < _MOST)) | certain)
    values = words[where]
    places = locate(values)
    unknown = (places < 0) & ~certain[where]
    different, which = np.unique(values[unknown], return_inverse=True)
    kept = np.ones(len(where), np.bool_)
    kept[unknown] = ~np.fromiter(map(is_nobodys, different.tolist()), np.bool_, len(different))[which]
    where, values, places = where[kept], values[kept], places[kept]
    owner = np.repeat(np.arange(len(data)), counts)[where]
    offsets = (where - (np.cumsum(counts) - counts)[owner]) * _BYTES if len(data) else where
    columns = (column.tolist() for column in (owner, offsets, values, places))
    return map(Word, *columns)
