"""Chunked prefill: plans, and equal numbers however a prompt is cut."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imp_engine import Engine, EngineConfig, Phase
from imp_engine.prefill import plan_chunks, spread_rows
from imp_engine.sequence import Sequence

Prompt = Callable[..., list[int]]
Load = Callable[..., Engine]


def sequence_of(length: int) -> Sequence:
    return Sequence([1] * length, num_prompt_tokens=length, block_table=list(range(1, length // 16 + 2)))


@given(length=st.integers(1, 1000), chunk_size=st.integers(1, 512))
def test_chunks_cover_the_prompt_once_and_share_a_capacity(length: int, chunk_size: int) -> None:
    config = EngineConfig(max_sequence_length=4096)
    chunks = plan_chunks(sequence_of(length), config, chunk_size)
    covered = [position for chunk in chunks for position in chunk.batch(16).positions]
    assert covered == list(range(length))
    assert {chunk.key.capacity for chunk in chunks} == {1024}
    for chunk in chunks:
        assert chunk.length <= chunk.key.tokens in config.prefill_buckets
        assert chunk.closed is None


@given(length=st.integers(1, 600), count=st.integers(1, 600))
def test_logit_rows_are_ascending_and_end_with_the_last(length: int, count: int) -> None:
    rows = spread_rows(length, count)
    assert len(rows) == count
    assert rows == sorted(rows)
    assert rows[-1] == length - 1
    assert rows[0] >= 0
    assert len(set(rows)) == min(length, count)


def test_a_key_says_all_that_the_host_decides() -> None:
    (chunk,) = plan_chunks(sequence_of(100), EngineConfig(logit_rows=4))
    assert (chunk.key.phase, chunk.key.tokens, chunk.key.sequences) == (Phase.PREFILL, 128, 1)
    assert (chunk.key.capacity, chunk.key.logit_rows) == (1024, 4)


@pytest.mark.parametrize("chunk_size", [64, 100, 256])
def test_chunked_equals_unchunked(device: torch.device, load: Load, prompt: Prompt, chunk_size: int) -> None:
    engine, tokens = load(device), prompt(300)
    whole = engine.prefill(tokens).cpu()
    assert (engine.prefill(tokens, chunk_size).cpu() - whole).abs().max() <= 1e-4


def test_eager_runs_are_bit_identical(device: torch.device, load: Load, prompt: Prompt) -> None:
    engine, tokens = load(device), prompt(300)
    sequence = engine.new_sequence(tokens)
    runs = []
    for _ in range(2):
        for chunk in engine.prefill_chunks(sequence, 100):
            engine.stage(chunk)
            logits = engine.forward(engine.key(chunk))
        runs.append(logits.cpu())
    assert torch.equal(runs[0], runs[1])


def test_spread_logit_rows_are_rows_of_the_full_logits(load: Load, prompt: Prompt) -> None:
    tokens = prompt(90)
    every, some = load("cpu", logit_rows=None), load("cpu", logit_rows=4)
    (full,) = [every.run(chunk) for chunk in every.prefill_chunks(every.new_sequence(tokens))]
    (few,) = [some.run(chunk) for chunk in some.prefill_chunks(some.new_sequence(tokens))]
    assert few.shape == (4, 512)
    assert (few - full[spread_rows(90, 4)]).abs().max() <= 1e-5


def test_the_capacity_tier_does_not_change_the_result(load: Load, prompt: Prompt) -> None:
    tokens = prompt(60)
    small = load("cpu", max_sequence_length=64).prefill(tokens)
    large = load("cpu", max_sequence_length=4096).prefill(tokens)
    assert (small - large).abs().max() <= 1e-5
