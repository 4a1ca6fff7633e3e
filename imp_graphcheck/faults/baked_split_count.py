"""Attention in as many splits as the context called for when it was captured.

Splitting the context keeps the card busy in decode. Where the host counts the splits, a graph has those of its capture;
what lies beyond them is not looked at (imp #950: launch geometry of a shorter context).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from imp_engine.engine import Engine
from imp_graphcheck.faults.attention import Kernel, replaced_attention
from imp_graphcheck.faults.staged_step import noted_steps

PAGES_PER_SPLIT = 4


class BakedSplitCount:
    """Contexts longer than the captured one lose their tail."""

    name = "baked-split-count"
    code = "GC303"
    history = "imp #950: launch geometry of a shorter context"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Attend to each split for itself, and weigh the parts by their sums."""
        with noted_steps(engine) as staged:

            def split(_: Kernel) -> Kernel:
                def attention(
                    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
                ) -> Tensor:
                    pages = -(-staged.context // keys.shape[1])
                    parts = [
                        _attend(query, keys, values, tables, positions, first)
                        for first in range(0, pages, PAGES_PER_SPLIT)
                    ]
                    most = torch.stack([score for _, score, _ in parts]).amax(0)
                    weights = [(score - most).exp() * total for _, score, total in parts]
                    whole = sum(
                        (part * weight for (part, _, _), weight in zip(parts, weights, strict=True)),
                        torch.zeros_like(parts[0][0]),
                    )
                    return (whole / sum(weights)).to(query.dtype)

                return attention

            with replaced_attention(split):
                yield


def _attend(
    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor, first: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One split: what it answers, its largest score and the sum of its weights, [B, Tq, heads, D or 1] in float32."""
    batch, _, heads, head_dim = query.shape
    blocks = tables[:, first : first + PAGES_PER_SPLIT]
    slots = torch.arange(blocks.shape[1] * keys.shape[1], device=query.device) + first * keys.shape[1]
    # The rows before a split see nothing of it: a score that is low, and not minus infinity, keeps their part finite.
    hidden = slots > positions.unsqueeze(-1)  # [B, Tq, C]
    group = heads // keys.shape[2]
    key, value = (
        cache.index_select(0, blocks.reshape(-1))
        .view(batch, -1, keys.shape[2], head_dim)
        .nan_to_num()
        .float()
        .repeat_interleave(group, dim=2)
        for cache in (keys, values)
    )
    scores = torch.einsum("bqhd,bchd->bqhc", query.float(), key) * head_dim**-0.5
    scores = scores.masked_fill(hidden.unsqueeze(2), -1e30)
    most = scores.amax(-1, keepdim=True)
    weights = (scores - most).exp()
    total = weights.sum(-1, keepdim=True)
    return torch.einsum("bqhc,bchd->bqhd", weights, value) / total, most, total
