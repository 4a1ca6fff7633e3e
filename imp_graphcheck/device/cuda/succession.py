"""Who had one address at which time."""

from bisect import bisect_right
from collections.abc import Iterator

from imp_graphcheck.device.cuda.life import Life


class Succession:
    """The owners of an address, followed back only as far as somebody asks.

    In the pool of a graph an address passes from one intermediate to the next: every node would else go over all.
    """

    def __init__(self, owners: Iterator[Life]) -> None:
        """`owners`: the last one first. Their marks fall, but for a 0, which is before every mark."""
        self._rest = owners
        self._lives: list[Life] = []
        self._began: list[int] = []
        """Negative, so that they rise."""

    def before(self, mark: int | None) -> Life | None:
        """The last owner who began before `mark`; the last of all where it is None."""
        while not self._lives or (mark is not None and -self._began[-1] >= mark):
            life = next(self._rest, None)
            if life is None:
                return None
            self._lives.append(life)
            self._began.append(-life.began)
        return self._lives[0 if mark is None else bisect_right(self._began, -mark)]
