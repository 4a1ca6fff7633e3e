"""The paged cache, against attention written as loops over contiguous keys."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from imp_kernels import kv_write, paged_attention

BLOCK_SIZE, HEADS, KV_HEADS, HEAD_DIM = 4, 4, 2, 8
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 5e-2}


@dataclass(frozen=True)
class Context:
    """Sequences whose keys lie scattered over pages."""

    keys: list[Tensor]
    values: list[Tensor]
    key_cache: Tensor
    value_cache: Tensor
    tables: list[list[int]]


def make_context(lengths: list[int], capacity_blocks: int, dtype: torch.dtype = torch.float32) -> Context:
    generator = torch.Generator().manual_seed(sum(lengths))
    total = 1 + sum(-(-length // BLOCK_SIZE) for length in lengths)
    free = (torch.randperm(total - 1, generator=generator) + 1).tolist()
    # Pages that nobody wrote hold NaN: none of it may show.
    key_cache = torch.full((total, BLOCK_SIZE, KV_HEADS, HEAD_DIM), float("nan"), dtype=dtype)
    value_cache = key_cache.clone()
    keys, values, tables = [], [], []
    for length in lengths:
        key, value = (torch.randn(length, KV_HEADS, HEAD_DIM, generator=generator).to(dtype) for _ in "kv")
        blocks = [free.pop() for _ in range(-(-length // BLOCK_SIZE))]
        slots = [blocks[place // BLOCK_SIZE] * BLOCK_SIZE + place % BLOCK_SIZE for place in range(length)]
        kv_write(key, value, key_cache, value_cache, torch.tensor(slots))
        keys.append(key)
        values.append(value)
        tables.append(blocks + [0] * (capacity_blocks - len(blocks)))
    return Context(keys, values, key_cache, value_cache, tables)


def naive(query: Tensor, key: Tensor, value: Tensor, position: int) -> Tensor:
    """Attention of one row, head by head, in float64."""
    heads = []
    for head in range(HEADS):
        shared = head // (HEADS // KV_HEADS)
        scores = key[: position + 1, shared].double() @ query[head].double() / HEAD_DIM**0.5
        heads.append(torch.softmax(scores, 0) @ value[: position + 1, shared].double())
    return torch.stack(heads)


def run(context: Context, query: Tensor, positions: Tensor, device: torch.device) -> Tensor:
    tables = torch.tensor(context.tables, dtype=torch.int32)
    arguments = (query, context.key_cache, context.value_cache, tables, positions)
    return paged_attention(*(argument.to(device) for argument in arguments)).cpu()


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_one_row_per_sequence(device: torch.device, dtype: torch.dtype) -> None:
    lengths = [1, 4, 5, 23]
    context = make_context(lengths, capacity_blocks=8, dtype=dtype)
    query = torch.randn(4, 1, HEADS, HEAD_DIM, generator=torch.Generator().manual_seed(1)).to(dtype)
    positions = torch.tensor(lengths).unsqueeze(1) - 1
    result = run(context, query, positions, device)
    assert result.dtype is dtype
    for row in range(4):
        exact = naive(query[row, 0], context.keys[row], context.values[row], int(positions[row, 0]))
        assert (result[row, 0].double() - exact).abs().max() <= TOLERANCE[dtype]


@pytest.mark.parametrize(("start", "rows", "padding"), [(0, 9, 0), (6, 5, 0), (6, 5, 3), (0, 1, 7)])
def test_a_chunk_at_an_offset(device: torch.device, start: int, rows: int, padding: int) -> None:
    context = make_context([start + rows], capacity_blocks=6)
    query = torch.randn(1, rows + padding, HEADS, HEAD_DIM, generator=torch.Generator().manual_seed(2))
    positions = torch.tensor([[*range(start, start + rows), *[0] * padding]])
    result = run(context, query, positions, device)
    assert result.isfinite().all()
    for row in range(rows):
        exact = naive(query[0, row], context.keys[0], context.values[0], start + row)
        assert (result[0, row].double() - exact).abs().max() <= 1e-5


@settings(deadline=None, max_examples=40)
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4), extra=st.integers(0, 6))
def test_capacity_changes_nothing(lengths: list[int], extra: int) -> None:
    cpu = torch.device("cpu")
    query = torch.randn(len(lengths), 1, HEADS, HEAD_DIM, generator=torch.Generator().manual_seed(3))
    positions = torch.tensor(lengths).unsqueeze(1) - 1
    tight, wide = (run(make_context(lengths, blocks), query, positions, cpu) for blocks in (5, 5 + extra))
    assert torch.allclose(tight, wide, atol=1e-6)


@settings(deadline=None)
@given(slots=st.permutations(range(12)).flatmap(lambda order: st.integers(1, 12).map(lambda n: order[:n])))
def test_kv_write_touches_its_slots_and_no_other(slots: list[int]) -> None:
    caches = torch.zeros(2, 3, BLOCK_SIZE, KV_HEADS, HEAD_DIM)
    new = torch.randn(2, len(slots), KV_HEADS, HEAD_DIM, generator=torch.Generator().manual_seed(4))
    kv_write(new[0], new[1], caches[0], caches[1], torch.tensor(slots))
    flat = caches.view(2, 12, KV_HEADS, HEAD_DIM)
    assert torch.equal(flat[:, slots], new)
    untouched = [slot for slot in range(12) if slot not in slots]
    assert not flat[:, untouched].any()


def test_kv_write_on_every_device(device: torch.device) -> None:
    new = torch.randn(3, KV_HEADS, HEAD_DIM, generator=torch.Generator().manual_seed(5)).to(device)
    cache = torch.zeros(2, BLOCK_SIZE, KV_HEADS, HEAD_DIM, device=device)
    kv_write(new, new, cache, cache.clone(), torch.tensor([5, 2, 7]).to(device))
    assert torch.equal(cache.cpu().view(8, KV_HEADS, HEAD_DIM)[[5, 2, 7]], new.cpu())
