"""The dense feed-forward block."""

from collections.abc import Iterator

import torch
from torch import Tensor

from imp_engine.layers.linear import Linear, MergedLinear
from imp_kernels import silu_and_mul


class GatedMLP:
    """`down(silu(gate(x)) * up(x))`."""

    def __init__(
        self, hidden_size: int, intermediate_size: int, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        parts = {"gate_proj": intermediate_size, "up_proj": intermediate_size}
        self.gate_up_proj = MergedLinear(hidden_size, parts, device=device, dtype=dtype)
        self.down_proj = Linear(intermediate_size, hidden_size, device=device, dtype=dtype)

    def __call__(self, hidden: Tensor) -> Tensor:
        """hidden [T, hidden_size]; returns the same shape."""
        return self.down_proj(silu_and_mul(self.gate_up_proj(hidden)))

    def checkpoint_tensors(self, name: str, *, fused_experts: bool) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills. There are no experts here."""
        yield from self.gate_up_proj.checkpoint_tensors(name)
        yield from self.down_proj.checkpoint_tensors(f"{name}.down_proj")
