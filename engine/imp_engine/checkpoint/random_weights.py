"""Weights from a seed, for shapes that have no checkpoint at hand."""

import zlib

import torch
from torch import Tensor

from imp_engine.models import Qwen3

NORM_NOISE = 0.1


@torch.no_grad()
def fill_with_noise(model: Qwen3, seed: int) -> None:
    """Fill `model` in place, one tensor at a time, so that a model as large as the device still fits.

    Matrices are normal with variance 1 / fan-in: every layer then adds about as much as it reads, and logits differ
    from row to row. Norm weights are near one. On CUDA the numbers are drawn on the device; elsewhere on the host,
    so that all other devices get the same bits for one seed.
    """
    for name, weight in model.checkpoint_tensors(fused_experts=True):
        on_device = weight.device.type == "cuda"
        generator = torch.Generator(weight.device if on_device else "cpu")
        generator.manual_seed(_seed_of(name, seed))
        drawn = weight if on_device else torch.empty(weight.shape, dtype=weight.dtype)
        _draw(drawn, generator)
        if drawn is not weight:
            weight.copy_(drawn)


def _draw(weight: Tensor, generator: torch.Generator) -> None:
    if weight.dim() == 1:
        weight.normal_(mean=1.0, std=NORM_NOISE, generator=generator)
    else:
        weight.normal_(std=weight.shape[-1] ** -0.5, generator=generator)


def _seed_of(name: str, seed: int) -> int:
    """A seed per tensor, so that its values do not depend on how many tensors come before it.

    32 bits, because the generator of the CPU ignores the rest.
    """
    return zlib.crc32(f"{seed} {name}".encode())
