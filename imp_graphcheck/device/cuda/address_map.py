"""Who had each address last, and who had it before."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imp_graphcheck.device.cuda.life import Life

Addresses = NDArray[np.uint64]
Places = NDArray[np.intp]


class Piece(NamedTuple):
    """A range of addresses that one life was the last to have. `under` is what lay there before."""

    start: int
    end: int
    life: Life
    under: tuple["Piece", ...] = ()


class AddressMap:
    """Ranges of addresses, without overlap. A new life takes its range from whoever had it."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._pieces: list[Piece] = []
        self._arrays: tuple[Addresses, Addresses] | None = None

    def put(self, life: Life) -> None:
        """`life` begins: from now on its addresses are its own."""
        if not life.occupied_bytes:
            return
        first, last = self._overlapped(life.address, life.end)
        covered = tuple(self._pieces[first:last])
        pieces = [Piece(life.address, life.end, life, covered)]
        if covered and covered[0].start < life.address:
            pieces.insert(0, covered[0]._replace(end=life.address))
        if covered and covered[-1].end > life.end:
            pieces.append(covered[-1]._replace(start=life.end))
        self._pieces[first:last] = pieces
        self._starts[first:last] = [piece.start for piece in pieces]
        self._arrays = None

    def overlapping(self, start: int, end: int) -> list[Piece]:
        """The pieces of a range, in order."""
        first, last = self._overlapped(start, end)
        return self._pieces[first:last]

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of a range that nobody ever had."""
        found, at = [], start
        for piece in self.overlapping(start, end):
            if piece.start > at:
                found.append((at, piece.start))
            at = piece.end
        return [*found, (at, end)] if at < end else found

    def at(self, address: int, before: int | None = None) -> Life | None:
        """Who had `address` last; with `before`, among those who began before that mark."""
        place = bisect_right(self._starts, address) - 1
        if place < 0 or address >= self._pieces[place].end:
            return None
        owners = self.owners(place, address)
        return next((life for life in owners if before is None or life.began < before), None)

    def owners(self, place: int, address: int) -> Iterator[Life]:
        """Everybody who had `address`, which lies at `place` (see `locate`), the last one first."""
        piece: Piece | None = self._pieces[place]
        while piece is not None:
            yield piece.life
            piece = next((under for under in piece.under if under.start <= address < under.end), None)

    def locate(self, addresses: Addresses) -> Places:
        """The place of each address, for `owners`; -1 for one that nobody ever had. Holds until the next `put`."""
        if self._arrays is None:
            ends = [piece.end for piece in self._pieces]
            self._arrays = np.array(self._starts, np.uint64), np.array(ends, np.uint64)
        starts, last = self._arrays
        if not len(starts):
            return np.full(len(addresses), -1)
        places = np.searchsorted(starts, addresses, "right") - 1
        return np.where((places >= 0) & (addresses < last[np.maximum(places, 0)]), places, -1)

    def _overlapped(self, start: int, end: int) -> tuple[int, int]:
        """The slice of pieces that share an address with a range."""
        first = bisect_right(self._starts, start) - 1
        if first < 0 or self._pieces[first].end <= start:
            first += 1
        return first, max(first, bisect_left(self._starts, end))
