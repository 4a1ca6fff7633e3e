"""Grouped-query attention with normalized queries and keys, over the paged cache."""

from collections.abc import Iterator

import torch
from torch import Tensor

from imp_engine.batch import StaticInputs
from imp_engine.config import ModelConfig
from imp_engine.kv_cache import LayerCache
from imp_engine.layers.linear import Linear, MergedLinear
from imp_engine.layers.norm import RMSNorm
from imp_kernels import apply_rotary, kv_write, paged_attention


class Attention:
    """Writes the step's keys and values to the cache, then attends to all that the sequence has there."""

    def __init__(self, config: ModelConfig, *, device: torch.device, dtype: torch.dtype) -> None:
        self.heads, self.kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        query_size, kv_size = self.heads * self.head_dim, self.kv_heads * self.head_dim
        parts = {"q_proj": query_size, "k_proj": kv_size, "v_proj": kv_size}
        self.qkv_proj = MergedLinear(config.hidden_size, parts, device=device, dtype=dtype)
        self.o_proj = Linear(query_size, config.hidden_size, device=device, dtype=dtype)
        self.q_norm = RMSNorm(self.head_dim, config.rms_norm_eps, device=device, dtype=dtype)
        self.k_norm = RMSNorm(self.head_dim, config.rms_norm_eps, device=device, dtype=dtype)

    def __call__(
        self, hidden: Tensor, angles: tuple[Tensor, Tensor], cache: LayerCache, inputs: StaticInputs
    ) -> Tensor:
        """hidden [T, hidden_size]; returns the same shape. The keys of all T rows are written before any is read."""
        qkv = self.qkv_proj(hidden).view(-1, self.heads + 2 * self.kv_heads, self.head_dim)
        query, key, value = torch.split(qkv, [self.heads, self.kv_heads, self.kv_heads], dim=1)
        query = apply_rotary(self.q_norm(query), *angles)
        key = apply_rotary(self.k_norm(key), *angles)
        kv_write(key, value, cache.key, cache.value, inputs.slot_mapping)

        sequences = inputs.block_tables.shape[0]
        context = paged_attention(
            query.view(sequences, -1, self.heads, self.head_dim),
            cache.key,
            cache.value,
            inputs.block_tables,
            inputs.positions.view(sequences, -1),
        )
        return self.o_proj(context.reshape(-1, self.heads * self.head_dim))

    def checkpoint_tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills."""
        yield from self.qkv_proj.checkpoint_tensors(name)
        yield from self.o_proj.checkpoint_tensors(f"{name}.o_proj")
        yield from self.q_norm.checkpoint_tensors(f"{name}.q_norm")
        yield from self.k_norm.checkpoint_tensors(f"{name}.k_norm")
