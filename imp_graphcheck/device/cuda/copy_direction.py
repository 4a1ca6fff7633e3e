"""From where to where a copy goes."""

from collections.abc import Callable

from imp_graphcheck.device.cuda.graph_driver import CopyEnd
from imp_graphcheck.record.graph import CopyDirection

HOST, DEVICE, ARRAY, UNIFIED = 1, 2, 3, 4
"""CUmemorytype. UNIFIED says that the address alone tells which memory it is."""

_SIDES = {HOST: True, DEVICE: False, ARRAY: False}
"""Whether memory of a kind is the host's."""

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
    if end.memory_type != UNIFIED:
        return _SIDES.get(end.memory_type)
    resolved = memory_type(end.address)
    return True if resolved is None else _SIDES.get(resolved)
