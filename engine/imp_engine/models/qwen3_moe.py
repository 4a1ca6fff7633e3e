"""Qwen3 MoE: Qwen3 with experts in place of the feed-forward block."""

import torch

from imp_engine.layers.mlp import GatedMLP
from imp_engine.layers.moe import MoeBlock
from imp_engine.models.qwen3 import Qwen3


class Qwen3Moe(Qwen3):
    """Attention, norms and head are those of Qwen3; layers that the configuration names stay dense."""

    def feed_forward(self, layer: int, *, device: torch.device, dtype: torch.dtype) -> GatedMLP | MoeBlock:
        """Experts, or the dense block in the layers that keep it."""
        moe = self.config.moe
        if moe is None or not self.config.is_moe_layer(layer):
            return super().feed_forward(layer, device=device, dtype=dtype)
        return MoeBlock(self.config.hidden_size, moe, device=device, dtype=dtype)
