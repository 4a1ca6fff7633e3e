"""Bit for bit, whatever the type: a NaN equals itself here."""

import torch


def same_bytes(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors of one device, shape and type hold the same bytes."""
    return torch.equal(bytes_of(first), bytes_of(second))


def bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of the elements in order: a view where the tensor is contiguous, else a copy."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
