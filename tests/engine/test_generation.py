"""Decode, batching and sampling."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from imp_engine import Engine, EngineConfig, SamplingParams
from imp_engine.sampling import Sampler

Prompt = Callable[..., list[int]]
Load = Callable[..., Engine]
LENGTHS = (40, 3, 120, 17, 1, 64)


def test_batch_decode_equals_single_decode(device: torch.device, load: Load, prompt: Prompt) -> None:
    engine = load(device)
    sequences = [engine.new_sequence(prompt(length, length), 1) for length in LENGTHS]
    for sequence in sequences:
        for chunk in engine.prefill_chunks(sequence, 50):
            engine.run(chunk)
        sequence.token_ids.append(7)
    together = engine.run(engine.decode_batch(sequences)).cpu()
    for row, sequence in zip(together, sequences, strict=False):
        (alone,) = engine.run(engine.decode_batch([sequence])).cpu()
        assert (alone - row).abs().max() <= 1e-4


def test_decode_equals_prefill(device: torch.device, load: Load, prompt: Prompt) -> None:
    engine, tokens = load(device), prompt(33)
    sequence = engine.new_sequence(tokens[:-1], 1)
    for chunk in engine.prefill_chunks(sequence):
        engine.run(chunk)
    sequence.token_ids.append(tokens[-1])
    decoded = engine.run(engine.decode_batch([sequence]))[0].cpu()
    engine.release(sequence)
    assert (decoded - engine.prefill(tokens).cpu()).abs().max() <= 1e-4


def test_continuous_batching_equals_one_by_one(device: torch.device, load: Load, prompt: Prompt) -> None:
    # GIVEN more requests than fit into the batch, and pages for about three of them
    engine = load(device, max_sequences=4, chunk_size=32, num_blocks=24)
    prompts = [prompt(length, length) for length in LENGTHS]
    alone = [engine.generate([tokens], 24, ignore_stop=True)[0] for tokens in prompts]
    # WHEN they run together
    together = engine.generate(prompts, 24, ignore_stop=True)
    # THEN each gets what it would have got alone, and all pages come back
    assert together == alone
    assert engine.allocator.num_owned == 0


def test_sampled_generation_is_reproducible_and_independent_of_the_batch(load: Load, prompt: Prompt) -> None:
    engine = load("cpu")
    sampling = SamplingParams(temperature=1.0, top_k=50, top_p=0.95, seed=5)
    prompts = [prompt(length, length) for length in LENGTHS[:3]]
    together = engine.generate(prompts, 16, sampling, ignore_stop=True)
    assert together == [engine.generate([tokens], 16, sampling, ignore_stop=True)[0] for tokens in prompts]
    other = SamplingParams(temperature=1.0, top_k=50, top_p=0.95, seed=6)
    assert together != engine.generate(prompts, 16, other, ignore_stop=True)


def test_generation_ends_with_a_stop_token(
    load: Load, prompt: Prompt, checkpoint: Path, tmp_path: Path
) -> None:
    # GIVEN a checkpoint that stops at the fifth token which greedy decoding gives
    (free,) = load("cpu").generate([prompt(20)], 16, ignore_stop=True)
    stop = next(token for place, token in enumerate(free) if place > 3 and token not in free[:place])
    shutil.copytree(checkpoint, tmp_path / "copy")
    (tmp_path / "copy" / "generation_config.json").write_text(json.dumps({"eos_token_id": [stop]}))
    # THEN the text ends there, and the stop token is part of it
    engine = Engine.from_directory(tmp_path / "copy", dtype=torch.float32)
    assert engine.generate([prompt(20)], 16) == [free[: free.index(stop) + 1]]


def test_hooks_hear_every_step(load: Load, prompt: Prompt) -> None:
    engine = load("cpu")
    phases: list[str] = []
    shapes: list[tuple[int, ...]] = []
    engine.hooks.phase_changed = lambda phase: phases.append(str(phase))
    engine.hooks.chunk_logits = lambda step, logits: shapes.append(tuple(logits.shape))
    engine.generate([prompt(20), prompt(5)], 3, ignore_stop=True)
    assert phases == ["prefill", "decode", "prefill", "decode"]
    assert set(shapes) == {(1, 512), (2, 512)}


def test_top_k_and_top_p_exclude() -> None:
    logits = torch.tensor([3.0, 2.0, 1.0, 0.0])

    def drawn(**options: float) -> set[int]:
        sampler = Sampler(SamplingParams(temperature=2.0, **options))  # type: ignore[arg-type]
        return {sampler(logits) for _ in range(300)}

    assert drawn() == {0, 1, 2, 3}
    assert drawn(top_k=2) == {0, 1}
    assert drawn(top_p=0.5) == {0, 1}
    assert drawn(top_p=0.01) == {0}
    assert Sampler(SamplingParams())(logits) == 0


def test_tokenizer_round_trip(load: Load) -> None:
    tokenizer = load("cpu").tokenizer()
    text = "A graph is captured once, and replayed: 512 times."
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocab_size == 512


def test_shapes_with_random_weights_are_reproducible_and_alive(family: str, prompt: Prompt) -> None:
    tokens = prompt(60)
    config = EngineConfig(logit_rows=None)

    def logits(seed: int) -> torch.Tensor:
        engine = Engine.from_shape(family, seed=seed, config=config)
        (chunk,) = engine.prefill_chunks(engine.new_sequence(tokens))
        return engine.run(chunk)[:60]

    assert torch.equal(logits(0), logits(0))
    assert not torch.equal(logits(0), logits(1))
    assert len(set(logits(0).argmax(dim=-1).tolist())) > 20


def test_bfloat16_is_close_to_float32(checkpoint: Path, device: torch.device, prompt: Prompt) -> None:
    exact = Engine.from_directory(checkpoint, "cpu", torch.float32).prefill(prompt(50))
    rough = Engine.from_directory(checkpoint, device).prefill(prompt(50)).cpu()
    assert rough.dtype is torch.float32
    assert torch.nn.functional.cosine_similarity(exact, rough, dim=0) > 0.99


@pytest.mark.parametrize("num_new", [1, 2])
def test_the_longest_allowed_request_is_served(load: Load, prompt: Prompt, num_new: int) -> None:
    engine = load("cpu", max_sequence_length=50)
    assert len(engine.generate([prompt(50 - num_new)], num_new, ignore_stop=True)[0]) == num_new
