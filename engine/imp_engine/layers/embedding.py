"""Token embedding."""

from collections.abc import Iterator

import torch
from torch import Tensor


class Embedding:
    """One row per token of the vocabulary; weight [vocab_size, hidden_size]."""

    def __init__(
        self, vocab_size: int, hidden_size: int, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.weight = torch.empty(vocab_size, hidden_size, device=device, dtype=dtype)

    def __call__(self, token_ids: Tensor) -> Tensor:
        """token_ids [T] int64; returns [T, hidden_size]."""
        return self.weight.index_select(0, token_ids)

    def checkpoint_tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills."""
        yield f"{name}.weight", self.weight
