"""From where to where a copy goes."""

from collections.abc import Callable

from imp_graphcheck.device.cuda.graph_driver import CopyEnd
from imp_graphcheck.record.graph import CopyDirection

HOST, DEVICE, ARRAY, UNIFIED = 1, 2, 3, 4
"""CUmemorytype. UNIFIED says that the address alone tells which memory it is."""

_DIRECTIONS: dict[tuple[bool, bool], CopyDirection] = {
    (True, True): "h2h",
    (True, False): "h2d",
    (False, True): "d2h",
    (False, False): "d2d",
}


def copy_direction(
    source: CopyEnd, target: CopyEnd, memory_type: Callable[[int], int | None]
) -> CopyDirection | None:
    """The direction of a copy; None where one of its ends is of no known kind.

    `memory_type` tells the kind of a unified address, and None for one that the driver never saw, which is
    pageable memory of the host.
    """
    sides = [_is_host(end, memory_type) for end in (source, target)]
    if sides[0] is None or sides[1] is None:
        return None
    return _DIRECTIONS[sides[0], sides[1]]


def _is_host(end: CopyEnd, memory_type: Callable[[int], int | None]) -> bool | None:
    kind: int | None = end.memory_type
    if kind == UNIFIED:
        kind = memory_type(end.address)
        if kind is None:
            return True
    return {HOST: True, DEVICE: False, ARRAY: False}.get(kind)
