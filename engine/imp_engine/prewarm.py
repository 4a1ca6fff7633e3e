"""Everything that initialises itself at first use, used once before anything is captured.

A library that is first met inside a capture creates its handle, takes its workspace or loads its module there, and
each of these is forbidden in a capture. What is lazy per *shape* (algorithm choice) is the warm-up's business.
"""

import torch

from imp_kernels import (
    apply_rotary,
    grouped_matmul,
    kv_write,
    paged_attention,
    rms_norm,
    silu_and_mul,
)

ROWS, HEADS, HEAD_DIM, BLOCK_SIZE, EXPERTS = 16, 2, 16, 16, 4


@torch.no_grad()
def touch_libraries(device: torch.device, dtype: torch.dtype) -> None:
    """Run every kernel of the engine once, tiny, on the current stream. Call it on each stream that will be used."""
    width = HEADS * HEAD_DIM
    rows = torch.ones(ROWS, width, device=device, dtype=dtype)
    square = torch.ones(width, width, device=device, dtype=dtype)
    torch.nn.functional.linear(rows, square).float()
    torch.nn.functional.linear(rows.float(), square.float())
    _touch_attention(device, dtype)
    rms_norm(rows, square[0], 1e-6)
    silu_and_mul(rows)

    probabilities = torch.softmax(rows[:, :EXPERTS], dim=-1, dtype=torch.float32)
    _, experts = torch.topk(probabilities, 2, dim=-1)
    chosen, order = torch.sort(experts.reshape(-1), stable=True)
    ids = torch.arange(EXPERTS, device=device)
    offsets = torch.searchsorted(chosen, ids, right=True, out_int32=True)
    sorted_rows = rows.index_select(0, order // 2)
    weight = torch.ones(EXPERTS, width, width, device=device, dtype=dtype)
    torch.empty_like(sorted_rows).index_copy_(0, order, grouped_matmul(sorted_rows, weight, offsets))


def _touch_attention(device: torch.device, dtype: torch.dtype) -> None:
    heads = torch.ones(ROWS, HEADS, HEAD_DIM, device=device, dtype=dtype)
    cache = torch.zeros(2, BLOCK_SIZE, HEADS, HEAD_DIM, device=device, dtype=dtype)
    positions = torch.arange(ROWS, device=device)
    angles = torch.ones(ROWS, HEAD_DIM // 2, device=device)
    kv_write(heads, heads, cache, cache.clone(), positions)
    table = torch.ones(1, 1, device=device, dtype=torch.int32)
    paged_attention(apply_rotary(heads, angles, angles)[None], cache, cache, table, positions[None])
