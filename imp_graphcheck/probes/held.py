"""What a call changes outside of itself, set back before each run of it.

A program's state is what it says it is; a call may change more (the page that padding goes to, a scratch buffer), and two
runs can only be held against each other if both find the same there.
"""

from dataclasses import dataclass, field

import torch
from torch import UntypedStorage

from imp_graphcheck.device import Device
from imp_graphcheck.probes.op_log import Tensors


@dataclass(slots=True)
class Held:
    """Filled during the first run of a call: `before` and `after` are told of each operator."""

    device: Device
    _own: set[int] = field(default_factory=set)
    """Storages that the call itself made."""
    _found: dict[int, tuple[UntypedStorage, torch.Tensor]] = field(default_factory=dict)
    """Storages from before the call, with what was in them when it was about to change them for the first time."""

    def before(self, _: int, tensors: Tensors, changed: Tensors) -> None:
        """Keep what is about to be changed. Waits for the device."""
        for tensor in changed:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._own and storage._cdata not in self._found:
                self._found[storage._cdata] = storage, self.device.host_copy(_bytes(storage))

    def made(self, tensors: Tensors) -> None:
        """These were made by the call, unless they are older."""
        for tensor in tensors:
            storage = tensor.untyped_storage()._cdata
            if storage not in self._found:
                self._own.add(storage)

    def put_back(self) -> None:
        """Everything as it was."""
        for storage, content in self._found.values():
            _bytes(storage).copy_(content)


def _bytes(storage: UntypedStorage) -> torch.Tensor:
    view = torch.empty(0, dtype=torch.uint8, device=storage.device)
    return view.set_(storage, 0, (storage.nbytes(),), (1,))
