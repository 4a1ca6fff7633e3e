"""The numbers, held against the implementation of the same families that nobody here wrote."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imp_engine import Engine

transformers = pytest.importorskip("transformers", reason="the reference implementation is not installed")

ROWS = 300
TOLERANCE = 1e-4
Prompt = Callable[..., list[int]]
Load = Callable[..., Engine]


@pytest.fixture
def reference(checkpoint: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()


@torch.no_grad()
def reference_logits(reference: Any, tokens: list[int]) -> Tensor:
    logits: Tensor = reference(torch.tensor([tokens])).logits[0]
    return logits


def all_logits(engine: Engine, tokens: list[int], chunk_size: int) -> Tensor:
    """Logits of every token, [len(tokens), vocab] on the host."""
    sequence = engine.new_sequence(tokens)
    rows = [engine.run(chunk)[: chunk.length].cpu() for chunk in engine.prefill_chunks(sequence, chunk_size)]
    engine.release(sequence)
    return torch.cat(rows)


@pytest.mark.parametrize("chunk_size", [512, 256, 100, 64])
def test_every_row_of_a_prompt(
    device: torch.device, load: Load, prompt: Prompt, reference: Any, chunk_size: int
) -> None:
    tokens = prompt(ROWS)
    engine = load(device, logit_rows=None)
    expected = reference_logits(reference, tokens)
    for _ in range(3):  # on a device with graphs: warmed up, captured, replayed
        logits = all_logits(engine, tokens, chunk_size)
        assert (logits - expected).abs().max() <= TOLERANCE


def test_the_comparison_can_fail(load: Load, prompt: Prompt, reference: Any) -> None:
    # GIVEN one token that differs, in the middle
    tokens = prompt(ROWS)
    logits = all_logits(load("cpu", logit_rows=None), tokens, 512)
    tokens[150] = (tokens[150] + 1) % 512
    delta = (logits - reference_logits(reference, tokens)).abs().amax(dim=1)
    # THEN the rows before it agree, and the rows from it on do not
    assert delta[:150].max() <= TOLERANCE
    assert delta[150:].min() > 10 * TOLERANCE


def test_logits_are_not_degenerate(prompt: Prompt, reference: Any) -> None:
    logits = reference_logits(reference, prompt(ROWS))
    assert len(set(logits.argmax(dim=-1).tolist())) > ROWS / 4


def test_greedy_continuation(device: torch.device, load: Load, prompt: Prompt, reference: Any) -> None:
    tokens = prompt(40, 3)
    ids = torch.tensor([tokens])
    expected = reference.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False, eos_token_id=None
    )
    (generated,) = load(device).generate([tokens], 64, ignore_stop=True)
    assert generated == expected[0, len(tokens) :].tolist()
    assert len(set(generated)) > 10
