"""Matrix multiplication by a weight."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor


class Linear:
    """`x @ weight.T`; weight [out_features, in_features]."""

    def __init__(
        self, in_features: int, out_features: int, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.weight = torch.empty(out_features, in_features, device=device, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.linear(x, self.weight)

    def checkpoint_tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills."""
        yield f"{name}.weight", self.weight


class MergedLinear(Linear):
    """Several projections of one input, stored as one weight: one launch instead of several."""

    def __init__(
        self, in_features: int, parts: Mapping[str, int], *, device: torch.device, dtype: torch.dtype
    ) -> None:
        super().__init__(in_features, sum(parts.values()), device=device, dtype=dtype)
        self.parts = dict(parts)

    def checkpoint_tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """One tensor per projection: `name` is the block that they belong to."""
        for part, weight in zip(self.parts, torch.split(self.weight, list(self.parts.values())), strict=True):
            yield f"{name}.{part}.weight", weight
