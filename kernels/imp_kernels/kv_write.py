"""Scatter of new keys and values into the paged cache."""

from torch import Tensor


def kv_write(key: Tensor, value: Tensor, key_cache: Tensor, value_cache: Tensor, slots: Tensor) -> None:
    """Write row t of `key` and `value` into slot `slots[t]` of the caches, in place.

    key, value [T, kv_heads, D]; caches [blocks, block_size, kv_heads, D], contiguous; slots [T] int64 on the
    device, slot = block * block_size + offset. Padding rows carry a slot of the null block: several rows may
    then hit one slot in any order, which is harmless because nobody reads what the null block holds.
    """
    _, _, heads, head_dim = key_cache.shape
    key_cache.view(-1, heads, head_dim).index_copy_(0, slots, key)
    value_cache.view(-1, heads, head_dim).index_copy_(0, slots, value)
