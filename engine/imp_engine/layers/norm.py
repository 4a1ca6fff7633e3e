"""Normalization."""

from collections.abc import Iterator

import torch
from torch import Tensor

from imp_kernels import rms_norm


class RMSNorm:
    """Root-mean-square normalization over the last dimension; weight [size]."""

    def __init__(self, size: int, eps: float, *, device: torch.device, dtype: torch.dtype) -> None:
        self.weight = torch.empty(size, device=device, dtype=dtype)
        self.eps = eps

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)

    def checkpoint_tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills."""
        yield f"{name}.weight", self.weight
