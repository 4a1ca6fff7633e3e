"""Rotary position embedding, in the half-rotation convention of Hugging Face checkpoints."""

import torch
from torch import Tensor


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate each pair (x[i], x[i + D/2]) of every head by the angle of its token.

    x [T, heads, D]; cos, sin [T, D/2] float32, one row per token. Returns a new tensor like x.
    """
    first, second = x.float().chunk(2, dim=-1)
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    rotated = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return rotated.to(x.dtype)
