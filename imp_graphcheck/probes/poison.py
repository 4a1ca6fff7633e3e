"""Other content in memory that the program has given back: if that reaches an answer, the graph still reads it; if it is
overwritten, the graph still writes it.

Anybody may get the memory next, so any content is fair. Zeros come first: where an index is read they are in range, and
the device survives them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import UntypedStorage

from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.probes.dead import DeadSite

ZEROS, ONES = 0x00, 0xFF
"""What memory is filled with. 0xFF is NaN as a float and -1 as an integer."""

Item = TypeVar("Item")


@dataclass(slots=True)
class Effect:
    """What filling one group of sites did. `written` are those whose filling the replays overwrote."""

    arm: Arm
    written: list[DeadSite] = field(default_factory=list)


def filled(session: Session, kept: Answers, sites: Sequence[DeadSite], fill: int) -> Effect:
    """The captured arm with `fill` in the memory of `sites`, held against what it answered with the memory as it was.

    Afterwards the memory holds what it held before, unless the device died.
    """
    storages = {site: [_bytes(storage) for storage in site.storages] for site in sites}
    with holding(session, [view for views in storages.values() for view in views], fill):
        arm = run_arm(session, kept)
        written = [
            site
            for site, views in storages.items()
            if not session.dead and any(bool((view != fill).any()) for view in views)
        ]
    return Effect(arm, written)


def effective(items: Sequence[Item], has_effect: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """Those of `items` that have an effect by themselves, in at most 2 k log2(n) tries for k of n.

    A group without effect is not looked into: where effects could cancel each other out, they are missed.
    """
    if not items or not has_effect(items):
        return []
    if len(items) == 1:
        return list(items)
    middle = len(items) // 2
    return effective(items[:middle], has_effect) + effective(items[middle:], has_effect)


def _bytes(storage: UntypedStorage) -> torch.Tensor:
    view = torch.empty(0, dtype=torch.uint8, device=storage.device)
    return view.set_(storage, 0, (storage.nbytes(),), (1,))


@contextmanager
def holding(session: Session, views: list[torch.Tensor], fill: int) -> Iterator[None]:
    """`fill` in the memory of `views` (bytes); afterwards what it held before, unless the device died."""
    saved = [session.device.host_copy(view) if view.device.type != "cpu" else view.clone() for view in views]
    for view in views:
        view.fill_(fill)
    session.device.synchronize()
    yield
    if session.dead:
        return
    for view, content in zip(views, saved, strict=True):
        view.copy_(content)
    session.device.synchronize()
