"""Persistent tensors of a program: remembered on the host, set back in place, compared byte for byte."""

from collections.abc import Mapping

import torch

from imp_graphcheck.device import Device
from imp_graphcheck.device.same_bytes import bytes_of
from imp_graphcheck.record.run import StateComparison

State = Mapping[str, torch.Tensor]
"""The tensors themselves, by name."""

Snapshot = dict[str, torch.Tensor]
"""CPU copies by name. They live on the host so that the snapshot does not change the device's memory layout."""


def snapshot(device: Device, state: State, like: Snapshot | None = None) -> Snapshot:
    """Copy every tensor to the host, but for those that hold what `like` has already. Waits for the device."""
    known = like or {}
    return {
        name: known[name] if name in known and device.holds(tensor, known[name]) else device.host_copy(tensor)
        for name, tensor in state.items()
    }


def restore(state: State, saved: Snapshot) -> None:
    """Set every tensor back, in place: addresses stay."""
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(saved[name])


def compare(device: Device, base: Snapshot, state: State, *, sweep: int) -> tuple[StateComparison, ...]:
    """The tensors of `state` as they are now against `base`, byte for byte."""
    return tuple(_compared(device, name, base[name], state[name], sweep) for name in base)


def _compared(
    device: Device, name: str, base: torch.Tensor, tensor: torch.Tensor, sweep: int
) -> StateComparison:
    total = base.numel() * base.element_size()
    if device.holds(tensor, base):
        return StateComparison(name=name, sweep=sweep, bytes_total=total, bytes_different=0)
    different = bytes_of(base) != bytes_of(device.host_copy(tensor))
    return StateComparison(
        name=name,
        sweep=sweep,
        bytes_total=total,
        bytes_different=int(different.sum()),
        first_difference=int(different.int().argmax()),
    )
