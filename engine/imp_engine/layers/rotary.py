"""The angles of the rotary embedding, computed once for all positions."""

import torch
from torch import Tensor


class RotaryTable:
    """cos and sin of every angle, each [max_positions, head_dim / 2] float32.

    Made on the host, so that every device holds the same bits, and at start, so that no step computes one.
    """

    def __init__(self, head_dim: int, max_positions: int, theta: float, *, device: torch.device) -> None:
        if device.type == "meta":
            self.cos = self.sin = torch.empty(max_positions, head_dim // 2, device=device)
            return
        frequencies = theta ** -(torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
        angles = torch.outer(torch.arange(max_positions, dtype=torch.float32), frequencies)
        self.cos, self.sin = angles.cos().to(device), angles.sin().to(device)

    def __call__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """positions [T] int64; returns cos and sin, each [T, head_dim / 2]."""
        return self.cos.index_select(0, positions), self.sin.index_select(0, positions)
