"""Causal attention over a paged key/value cache.

Note [lengths live on the device]
    How far a row may look is `positions`, where the past lies is `block_tables`: both are device tensors. The only
    sizes known to the host are the shapes, and these are the same for every chunk that shares a graph key. So one
    captured graph serves a request at every offset.

Note [masked pages may hold anything]
    A masked score contributes weight 0, but 0 * NaN is NaN. Pages past the end of a sequence (the null block, pages
    never written, pages of a dead sequence) are therefore zeroed as they are gathered, not only masked.
"""

import torch
from torch import Tensor


def paged_attention(
    query: Tensor, key_cache: Tensor, value_cache: Tensor, block_tables: Tensor, positions: Tensor
) -> Tensor:
    """Attend from each query row to the context slots 0..positions[row] of its sequence.

    query [B, Tq, heads, D]; caches [blocks, block_size, kv_heads, D]; block_tables [B, n] int32, whose n blocks
    are the `capacity` of n * block_size context slots; positions [B, Tq] int64. Padding rows have position 0.
    Returns [B, Tq, heads, D] in the dtype of query; the softmax is taken in float32.
    """
    batch, rows, heads, head_dim = query.shape
    kv_heads = key_cache.shape[2]
    capacity = block_tables.shape[1] * key_cache.shape[1]
    slots = torch.arange(capacity, device=query.device)

    # Padding rows have position 0, so the largest position of a sequence is that of its last real row.
    written = slots <= positions.amax(dim=1, keepdim=True)  # [B, capacity]
    key = _gather_pages(key_cache, block_tables, written)  # [B, kv_heads, capacity, D]
    value = _gather_pages(value_cache, block_tables, written)

    # The heads that share a key head become extra rows: [B, kv_heads, group * Tq, D]. Nothing is repeated.
    group = heads // kv_heads
    grouped = query.transpose(1, 2).reshape(batch, kv_heads, group * rows, head_dim)
    visible = (
        (slots <= positions.unsqueeze(-1)).repeat(1, group, 1).unsqueeze(1)
    )  # [B, 1, group * Tq, capacity]
    attend = _attend_fused if query.device.type == "cuda" else attend_reference
    context = attend(grouped, key, value, visible)
    return context.reshape(batch, heads, rows, head_dim).transpose(1, 2)


def attend_reference(query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
    """Softmax attention under a mask; the definition. [B, H, R, D], 2 x [B, H, C, D], bool [B, 1, R, C]."""
    scores = torch.matmul(query, key.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
    weights = torch.softmax(scores.masked_fill(~visible, float("-inf")), dim=-1)
    return torch.matmul(weights.to(value.dtype), value)


def _attend_fused(query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
    """The same without materializing the [R, C] scores, which are 0.5 GB per layer at 512 rows and 8k context."""
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)


def _gather_pages(cache: Tensor, block_tables: Tensor, written: Tensor) -> Tensor:
    """The pages of each sequence side by side, [B, kv_heads, capacity, D]; slots not `written` read as zero."""
    batch, capacity = written.shape
    _, _, kv_heads, head_dim = cache.shape
    pages = cache.index_select(0, block_tables.reshape(-1)).view(batch, capacity, kv_heads, head_dim)
    return pages.masked_fill(~written[:, :, None, None], 0.0).transpose(1, 2)
