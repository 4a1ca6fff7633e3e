"""The buffers that replays read: nothing stale in them, and never rewritten under a copy that has not run."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imp_engine import Engine, EngineConfig, GraphKey, Phase
from imp_engine.batch import Batch, Staging, StaticInputs
from imp_engine.kv_cache import NULL_BLOCK

Prompt = Callable[..., list[int]]
Load = Callable[..., Engine]
CONFIG = EngineConfig(max_sequence_length=256, max_sequences=4, chunk_size=64, logit_rows=4)


def batch_of(tokens: int, sequences: int, blocks: int, value: int) -> Batch:
    return Batch(
        token_ids=[value] * tokens,
        positions=[value] * tokens,
        slot_mapping=[value] * tokens,
        block_tables=[[value] * blocks for _ in range(sequences)],
        logit_rows=[value] * min(4, tokens),
    )


def key_of(tokens: int, sequences: int) -> GraphKey:
    return GraphKey(Phase.PREFILL, tokens, sequences, capacity=256, logit_rows=4)


def expected(values: list[int], size: int, padding: int) -> list[int]:
    return values + [padding] * (size - len(values))


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 64), st.integers(1, 4), st.integers(0, 20)), min_size=1, max_size=6
    )
)
def test_every_row_of_a_view_is_rewritten(steps: list[tuple[int, int, int]]) -> None:
    cpu = torch.device("cpu")
    inputs, staging = StaticInputs.allocate(CONFIG, cpu), Staging(CONFIG, cpu)
    key = key_of(64, 4)
    for value, (tokens, sequences, blocks) in enumerate(steps, start=5):
        batch = batch_of(tokens, sequences, blocks, value)
        staging.fill(inputs, key, batch)
        view = inputs.view(key, CONFIG.block_size)
        assert view.token_ids.tolist() == expected([value] * tokens, 64, 0)
        assert view.positions.tolist() == expected([value] * tokens, 64, 0)
        assert view.slot_mapping.tolist() == expected([value] * tokens, 64, NULL_BLOCK)
        assert view.logit_rows.tolist() == expected([value] * min(4, tokens), 4, 0)
        rows = [expected([value] * min(blocks, 16), 16, NULL_BLOCK)] * sequences
        assert view.block_tables.tolist() == rows + [[NULL_BLOCK] * 16] * (4 - sequences)


def test_views_are_the_same_memory_for_every_step(device: torch.device) -> None:
    inputs, staging = StaticInputs.allocate(CONFIG, device), Staging(CONFIG, device)
    before = {name: tensor.data_ptr() for name, tensor in inputs.named_tensors().items()}
    for tokens in (64, 3):
        staging.fill(inputs, key_of(64, 1), batch_of(tokens, 1, 2, 9))
        view = inputs.view(key_of(64, 1), CONFIG.block_size)
        assert {name: tensor.data_ptr() for name, tensor in view.named_tensors().items()} == before


def test_a_batch_larger_than_its_key_is_refused() -> None:
    cpu = torch.device("cpu")
    inputs, staging = StaticInputs.allocate(CONFIG, cpu), Staging(CONFIG, cpu)
    with pytest.raises(RuntimeError):
        staging.fill(inputs, key_of(16, 1), batch_of(17, 1, 1, 1))
    with pytest.raises(IndexError):
        staging.fill(inputs, key_of(16, 1), batch_of(16, 2, 1, 1))


def test_host_running_ahead_does_not_overwrite_staged_values(graph_device: torch.device) -> None:
    # GIVEN a device that is busy, so that copies wait in its queue
    module = torch.get_device_module(graph_device)
    inputs, staging = StaticInputs.allocate(CONFIG, graph_device), Staging(CONFIG, graph_device)
    key, seen = key_of(64, 1), []
    module._sleep(100_000_000)
    # WHEN the host stages many steps without waiting
    for value in range(1, 7):
        staging.fill(inputs, key, batch_of(64, 1, 16, value))
        seen.append(inputs.view(key, CONFIG.block_size).token_ids.clone())
    # THEN each step saw its own values
    assert [sorted(set(tensor.tolist())) for tensor in seen] == [[value] for value in range(1, 7)]


def test_nothing_in_the_null_block_or_beyond_the_end_reaches_a_real_row(
    device: torch.device, load: Load, prompt: Prompt
) -> None:
    # GIVEN an engine, and a twin whose whole cache holds NaN
    clean, poisoned = load(device), load(device)
    for _, tensor in poisoned.kv_cache.named_tensors():
        tensor.fill_(float("nan"))
    # THEN chunks that end inside a bucket and inside a block agree, as do padded decode steps
    tokens = prompt(75)
    assert torch.equal(clean.prefill(tokens, 33).cpu(), poisoned.prefill(tokens, 33).cpu())
    prompts = [tokens, prompt(9), prompt(20)]
    assert clean.generate(prompts, 5, ignore_stop=True) == poisoned.generate(prompts, 5, ignore_stop=True)


def test_what_the_padding_tokens_are_does_not_matter(
    device: torch.device, load: Load, prompt: Prompt
) -> None:
    engine = load(device)
    (chunk,) = engine.prefill_chunks(engine.new_sequence(prompt(70)))
    engine.stage(chunk)
    plain = engine.forward(chunk.key).cpu()
    engine.inputs.token_ids[70:128] = 511
    assert chunk.key.tokens == 128
    assert torch.equal(engine.forward(chunk.key).cpu(), plain)
