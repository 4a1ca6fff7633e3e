"""Outputs of a call: tensors nested in any way, flattened, copied to the host, poisoned."""

from collections.abc import Mapping
from typing import Any

import torch

from imp_engine.graph import Output
from imp_graphcheck.device.same_bytes import bytes_of

HostOutput = tuple[torch.Tensor, ...]
"""CPU copies of the tensors of one output, in order."""

_POISON_BYTE = 0xFF


def tensors_of(output: Output | None) -> list[torch.Tensor]:
    """The tensors of `output` in a fixed order; anything else in it is left out."""
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, Mapping):
        return [tensor for value in output.values() for tensor in tensors_of(value)]
    if isinstance(output, list | tuple):
        return [tensor for value in output for tensor in tensors_of(value)]
    return []


def to_host(output: Any) -> HostOutput:
    """Copies on the host. Waits for the device."""
    return tuple(tensor.detach().to("cpu", copy=True) for tensor in tensors_of(output))


def still_poisoned(tensor: torch.Tensor) -> bool:
    """Whether every byte of a host tensor is the poison byte."""
    if tensor.numel() == 0:
        return False
    return bool((bytes_of(tensor) == _POISON_BYTE).all())
