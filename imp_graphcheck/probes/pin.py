"""Pins: whatever was allocated when a graph was captured stays allocated.

A tensor's storage is alive as long as somebody holds it, so holding it is all that a pin does: nothing is copied, no
address changes, and what the program would have given back is not handed out again. If the replays are right under it,
the cause is a lifetime; what nobody but the pin holds is where to look.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import UntypedStorage
from torch.utils._pytree import tree_leaves

from imp_graphcheck.device.operator_mode import OperatorMode


@dataclass(slots=True)
class Pins:
    """Storages by their identity. Memory that no tensor of Python holds cannot be pinned."""

    _storages: dict[int, UntypedStorage] = field(default_factory=dict)

    def keep(self, tensor: torch.Tensor) -> None:
        """Hold the memory of `tensor`."""
        storage = tensor.untyped_storage()
        self._storages.setdefault(storage._cdata, storage)

    def keep_all_alive(self, device: torch.device) -> None:
        """Hold the memory of every tensor of `device`, and of every pinned one, that the interpreter knows of."""
        for tensor in _tensors_alive():
            if tensor.device.type == device.type or (tensor.device.type == "cpu" and _is_pinned(tensor)):
                self.keep(tensor)

    @contextmanager
    def keeping_host_sources(self) -> Iterator[None]:
        """Hold every host tensor that an operator is given while the context is active: a capture notes its address."""
        with _HostArguments(self):
            yield

    def holding_alone(self) -> dict[int, list[UntypedStorage]]:
        """What only the pins still hold, by first address: the program has given it back.

        Several may begin at one address, such as a buffer and the slab that it was cut from.
        """
        found: dict[int, list[UntypedStorage]] = {}
        for storage in self._storages.values():
            if storage.nbytes() and _use_count(storage) == 1:
                found.setdefault(storage.data_ptr(), []).append(storage)
        return found

    def release(self, storage: UntypedStorage) -> None:
        """Let go of one; when the caller does too, its memory goes where the program had sent it."""
        self._storages.pop(storage._cdata, None)


class _HostArguments(OperatorMode):
    def __init__(self, pins: Pins) -> None:
        super().__init__()
        self._pins = pins

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, torch.Tensor) and leaf.device.type == "cpu" and leaf.layout == torch.strided:
                self._pins.keep(leaf)
        return func(*args, **kwargs)


def _tensors_alive() -> list[torch.Tensor]:
    # By type, not by isinstance: that would ask objects of the program for their __class__, which may be a property.
    return [
        found
        for found in gc.get_objects()
        if issubclass(type(found), torch.Tensor)
        and found.layout == torch.strided
        and found.device.type != "meta"
    ]


def _is_pinned(tensor: torch.Tensor) -> bool:
    return tensor.numel() > 0 and tensor.is_pinned()


def _use_count(storage: UntypedStorage) -> int:
    return int(torch._C._storage_Use_Count(storage._cdata))
