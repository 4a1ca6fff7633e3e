"""Normalization, rotation and activation, against their textbook formulas in float64."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from imp_kernels import apply_rotary, rms_norm, silu_and_mul
from imp_kernels.rms_norm import rms_norm_reference

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 5e-2}
dtypes = pytest.mark.parametrize("dtype", list(TOLERANCE))


def noise(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def angles(positions: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    frequencies = 10_000.0 ** -(torch.arange(0, head_dim, 2) / head_dim)
    table = torch.outer(positions.float(), frequencies)
    return table.cos(), table.sin()


@dtypes
def test_rms_norm(device: torch.device, dtype: torch.dtype) -> None:
    x, weight = noise(5, 3, 32, dtype=dtype), noise(32, dtype=dtype, seed=1)
    exact = x.double() / (x.double().square().mean(-1, keepdim=True) + 1e-6).sqrt() * weight.double()
    result = rms_norm(x.to(device), weight.to(device), 1e-6).cpu()
    assert result.dtype is dtype
    assert (result.double() - exact).abs().max() <= TOLERANCE[dtype]


def test_rms_norm_never_writes_its_input(device: torch.device) -> None:
    x = noise(4, 16)
    on_device = x.to(device)
    rms_norm(on_device, torch.ones(16, device=device), 1e-6)
    assert torch.equal(on_device.cpu(), x)


@given(scale=st.floats(0.01, 1000.0), seed=st.integers(0, 100))
def test_rms_norm_does_not_depend_on_scale(scale: float, seed: int) -> None:
    x, weight = noise(3, 16, seed=seed), torch.ones(16)
    one, scaled = (rms_norm_reference(value, weight, 0.0) for value in (x, x * scale))
    assert torch.allclose(one, scaled, atol=1e-5)


@dtypes
def test_rotary_turns_each_pair_as_a_complex_number(device: torch.device, dtype: torch.dtype) -> None:
    x, positions = noise(6, 2, 16, dtype=dtype), torch.tensor([0, 1, 2, 100, 5, 4000])
    cos, sin = angles(positions, 16)
    first, second = x.double().chunk(2, dim=-1)
    turned = torch.complex(first, second) * torch.complex(cos.double(), sin.double()).unsqueeze(1)
    result = apply_rotary(x.to(device), cos.to(device), sin.to(device)).cpu()
    assert result.dtype is dtype
    assert (result.double() - torch.cat((turned.real, turned.imag), -1)).abs().max() <= TOLERANCE[dtype]


@given(distance=st.integers(0, 500), start=st.integers(0, 500), seed=st.integers(0, 50))
def test_rotary_scores_depend_on_distance_only(distance: int, start: int, seed: int) -> None:
    query, key = noise(1, 1, 8, seed=seed), noise(1, 1, 8, seed=seed + 1000)

    def score(at: int) -> float:
        turned = [
            apply_rotary(x, *angles(torch.tensor([position]), 8))
            for x, position in ((query, at + distance), (key, at))
        ]
        return float((turned[0] * turned[1]).sum())

    assert math.isclose(score(0), score(start), abs_tol=2e-3)


@dtypes
def test_silu_and_mul(device: torch.device, dtype: torch.dtype) -> None:
    x = noise(4, 20, dtype=dtype)
    gate, up = x.double()[:, :10], x.double()[:, 10:]
    result = silu_and_mul(x.to(device)).cpu()
    assert result.shape == (4, 10)
    assert (result.double() - gate / (1 + (-gate).exp()) * up).abs().max() <= TOLERANCE[dtype]
