"""Qwen3, the dense family.

embedding -> layers x [ norm -> attention -> + -> norm -> feed-forward -> + ] -> norm -> head
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from imp_engine.batch import StaticInputs
from imp_engine.config import ModelConfig
from imp_engine.kv_cache import KVCache, LayerCache
from imp_engine.layers.attention import Attention
from imp_engine.layers.embedding import Embedding
from imp_engine.layers.linear import Linear
from imp_engine.layers.mlp import GatedMLP
from imp_engine.layers.moe import MoeBlock
from imp_engine.layers.norm import RMSNorm
from imp_engine.layers.rotary import RotaryTable


class DecoderLayer:
    """Attention and feed-forward, each normalized before and added to the residual after."""

    def __init__(
        self,
        config: ModelConfig,
        feed_forward: GatedMLP | MoeBlock,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.input_norm = RMSNorm(config.hidden_size, config.rms_norm_eps, device=device, dtype=dtype)
        self.attention = Attention(config, device=device, dtype=dtype)
        self.post_attention_norm = RMSNorm(
            config.hidden_size, config.rms_norm_eps, device=device, dtype=dtype
        )
        self.feed_forward = feed_forward

    def __call__(
        self, hidden: Tensor, angles: tuple[Tensor, Tensor], cache: LayerCache, inputs: StaticInputs
    ) -> Tensor:
        """hidden [T, hidden_size]; returns the same shape."""
        hidden = hidden + self.attention(self.input_norm(hidden), angles, cache, inputs)
        return hidden + self.feed_forward(self.post_attention_norm(hidden))

    def checkpoint_tensors(self, name: str, *, fused_experts: bool) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills."""
        yield from self.input_norm.checkpoint_tensors(f"{name}.input_layernorm")
        yield from self.attention.checkpoint_tensors(f"{name}.self_attn")
        yield from self.post_attention_norm.checkpoint_tensors(f"{name}.post_attention_layernorm")
        yield from self.feed_forward.checkpoint_tensors(f"{name}.mlp", fused_experts=fused_experts)


class Qwen3:
    """The whole model. Weights are allocated, not filled; a device of `meta` gives shapes only."""

    def __init__(
        self, config: ModelConfig, max_positions: int, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.hidden_size, device=device, dtype=dtype)
        self.rotary = RotaryTable(config.head_dim, max_positions, config.rope_theta, device=device)
        self.layers = [
            DecoderLayer(
                config, self.feed_forward(layer, device=device, dtype=dtype), device=device, dtype=dtype
            )
            for layer in range(config.num_layers)
        ]
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, device=device, dtype=dtype)
        if not config.tie_word_embeddings:
            self.head = Linear(config.hidden_size, config.vocab_size, device=device, dtype=dtype)

    def feed_forward(self, layer: int, *, device: torch.device, dtype: torch.dtype) -> GatedMLP | MoeBlock:
        """The feed-forward block of layer number `layer`: where the families differ."""
        return GatedMLP(self.config.hidden_size, self.config.intermediate_size, device=device, dtype=dtype)

    def forward(self, inputs: StaticInputs, cache: KVCache) -> Tensor:
        """One step: write the keys and values of its T rows to `cache`, return logits [R, vocab_size] float32.

        Reads `inputs`, `cache` and the weights, and nothing else: this is the region that graphs capture.
        """
        hidden = self.embedding(inputs.token_ids)
        angles = self.rotary(inputs.positions)
        for layer, layer_cache in zip(self.layers, cache.layers, strict=True):
            hidden = layer(hidden, angles, layer_cache, inputs)
        hidden = self.norm(hidden.index_select(0, inputs.logit_rows))
        head = self.embedding.weight if self.config.tie_word_embeddings else self.head.weight
        return torch.nn.functional.linear(hidden, head).float()

    def checkpoint_tensors(self, *, fused_experts: bool = False) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills; together, every weight once."""
        yield from self.embedding.checkpoint_tensors("model.embed_tokens")
        for number, layer in enumerate(self.layers):
            yield from layer.checkpoint_tensors(f"model.layers.{number}", fused_experts=fused_experts)
        yield from self.norm.checkpoint_tensors("model.norm")
        if not self.config.tie_word_embeddings:
            yield from self.head.checkpoint_tensors("lm_head")
