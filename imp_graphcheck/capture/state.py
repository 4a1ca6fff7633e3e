"""Persistent tensors of a program: remembered on the host, set back in place, compared byte for byte."""

from collections.abc import Mapping

import torch

from imp_graphcheck.record.run import StateComparison

Snapshot = dict[str, torch.Tensor]
"""CPU copies by name. They live on the host so that the snapshot does not change the device's memory layout."""


def snapshot(state: Mapping[str, torch.Tensor]) -> Snapshot:
    """Copy every tensor to the host. Waits for the device."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def restore(state: Mapping[str, torch.Tensor], saved: Snapshot) -> None:
    """Set every tensor back, in place: addresses stay."""
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(saved[name])


def compare(base: Snapshot, test: Snapshot, *, sweep: int) -> tuple[StateComparison, ...]:
    """Byte for byte, by name."""
    return tuple(_compared(name, base[name], test[name], sweep) for name in base)


def _compared(name: str, base: torch.Tensor, test: torch.Tensor, sweep: int) -> StateComparison:
    base_bytes, test_bytes = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (base, test))
    total = base_bytes.numel()
    if torch.equal(base_bytes, test_bytes):
        return StateComparison(name=name, sweep=sweep, bytes_total=total, bytes_different=0)
    different = base_bytes != test_bytes
    return StateComparison(
        name=name,
        sweep=sweep,
        bytes_total=total,
        bytes_different=int(different.sum()),
        first_difference=int(different.int().argmax()),
    )
