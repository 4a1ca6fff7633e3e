"""A tensor without the tensor: where it lies and how it is laid out."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Place:
    """Memory that a tensor covered when somebody looked. It keeps nothing alive."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype

    @property
    def span_bytes(self) -> int:
        """From the first element to the end of the last one."""
        if 0 in self.shape:
            return 0
        last = sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        return (last + 1) * self.dtype.itemsize

    @property
    def layout(self) -> str:
        """Type and shape, for the reader."""
        return f"{str(self.dtype).removeprefix('torch.')}{list(self.shape)}"


def place_of(tensor: torch.Tensor) -> Place:
    """Where `tensor` lies now."""
    return Place(tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
