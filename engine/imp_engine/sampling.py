"""Choosing the next token, on the host, outside every captured region."""

from dataclasses import dataclass

import torch
from torch import Tensor

from imp_engine.errors import RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How to choose. A temperature of 0 is greedy, and then the other fields do not matter."""

    temperature: float = 0.0
    top_k: int = 0
    """Keep the k likeliest tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the likeliest tokens until their probabilities sum to this much; at least one."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise RequestError(f"Sampling temperature = {self.temperature}; allowed is 0 or more.")
        if self.top_k < 0:
            raise RequestError(f"Sampling top_k = {self.top_k}; allowed is 0 or more.")
        if not 0 < self.top_p <= 1:
            raise RequestError(f"Sampling top_p = {self.top_p}; allowed is above 0, up to 1.")


class Sampler:
    """Draws the tokens of one request. Its own generator makes it independent of what else is in the batch."""

    def __init__(self, params: SamplingParams) -> None:
        self.params = params
        self.generator = torch.Generator(device="cpu").manual_seed(params.seed)

    def __call__(self, logits: Tensor) -> int:
        """The next token from logits [vocab] float32 on the host."""
        if self.params.temperature == 0:
            return int(logits.argmax())
        probabilities = _restrict(torch.softmax(logits / self.params.temperature, dim=-1), self.params)
        return int(torch.multinomial(probabilities, 1, generator=self.generator))


def _restrict(probabilities: Tensor, params: SamplingParams) -> Tensor:
    """The distribution without the tokens that top_k and top_p exclude, not normalized."""
    ordered, tokens = probabilities.sort(descending=True, stable=True)
    before = ordered.cumsum(0) - ordered  # mass of all likelier tokens, so the first one always stays
    keep = before < params.top_p
    if params.top_k:
        keep[params.top_k :] = False
    return torch.zeros_like(probabilities).index_copy_(0, tokens, ordered * keep)
