"""The paged key/value cache: tensors on the device, bookkeeping on the host."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from imp_engine.config import ModelConfig
from imp_engine.errors import RequestError

NULL_BLOCK = 0
"""The page that padding rows read and write. It never belongs to a sequence."""


class BlockAllocator:
    """Hands out pages of the cache. Every page is either free or owned by one sequence, except the null block."""

    def __init__(self, num_blocks: int) -> None:
        self.num_blocks = num_blocks
        # A stack: pages just freed are handed out first, while they are warm, in a reproducible order.
        self._free = [block for block in reversed(range(num_blocks)) if block != NULL_BLOCK]
        self._owned: set[int] = set()

    @property
    def num_free(self) -> int:
        """Pages that can be allocated now."""
        return len(self._free)

    @property
    def num_owned(self) -> int:
        """Pages that sequences own."""
        return len(self._owned)

    def allocate(self, count: int) -> list[int]:
        """Take `count` pages. Raises `RequestError`, and takes none, if fewer are free."""
        if count > self.num_free:
            raise RequestError(
                f"The request needs {count} KV blocks, and {self.num_free} of {self.num_blocks - 1} are free.",
                "Release a sequence, shorten the request, or raise num_blocks.",
            )
        blocks = [self._free.pop() for _ in range(count)]
        self._owned.update(blocks)
        return blocks

    def free(self, blocks: list[int]) -> None:
        """Give pages back. Raises `RequestError`, and frees none, if one of them is not owned."""
        strangers = sorted(set(blocks) - self._owned)
        if strangers or len(set(blocks)) != len(blocks):
            raise RequestError(
                f"Blocks {strangers or blocks} cannot be freed: each must be owned, and named once."
            )
        self._owned.difference_update(blocks)
        self._free.extend(reversed(blocks))


@dataclass(frozen=True, slots=True)
class LayerCache:
    """The pages of one layer, each tensor [num_blocks, block_size, kv_heads, head_dim]."""

    key: Tensor
    value: Tensor


class KVCache:
    """The pages of every layer. Captured graphs hold their addresses: replacing one invalidates every graph."""

    def __init__(
        self,
        config: ModelConfig,
        num_blocks: int,
        block_size: int,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        shape = (num_blocks, block_size, config.num_kv_heads, config.head_dim)
        self.layers = [
            LayerCache(
                key=torch.zeros(shape, device=device, dtype=dtype),
                value=torch.zeros(shape, device=device, dtype=dtype),
            )
            for _ in range(config.num_layers)
        ]

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor of the cache, under names such as `layers.3.key`."""
        for number, layer in enumerate(self.layers):
            yield f"layers.{number}.key", layer.key
            yield f"layers.{number}.value", layer.value
