"""Bytes that no program means."""

import torch

POISON = 0xFF
"""NaN in every floating-point type, -1 in every signed integer."""


@torch.no_grad()
def poison(tensor: torch.Tensor) -> None:
    """Set every byte of every element of `tensor` to 0xFF, on the current stream, and no byte between them."""
    if tensor.numel():
        _bytes_of(tensor).fill_(POISON)


def _bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    """The memory of `tensor` as bytes: one dimension more, and none that repeats memory.

    `Tensor.view(torch.uint8)` would do for contiguous tensors alone.
    """
    width = tensor.element_size()
    steps = [
        (1 if stride == 0 else size, stride * width)
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
    ]
    return torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(
        tensor.untyped_storage(),
        tensor.storage_offset() * width,
        (*(size for size, _ in steps), width),
        (*(stride for _, stride in steps), 1),
    )
