"""The gated activation of the feed-forward layers."""

import torch
from torch import Tensor


def silu_and_mul(gate_up: Tensor) -> Tensor:
    """`silu(gate) * up`. gate_up [..., 2 * I], gate first; returns [..., I] of the same dtype."""
    gate, up = gate_up.chunk(2, dim=-1)
    return torch.nn.functional.silu(gate) * up
