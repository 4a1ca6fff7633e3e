"""Poison covers every byte of a tensor's elements and no other; the host's memory shows it as well as a card's."""

from collections.abc import Callable

import pytest
import torch

from imp_graphcheck.device.cuda.poison import poison

DTYPES = (
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float64,
    torch.complex64,
    torch.int8,
    torch.int64,
    torch.uint8,
    torch.bool,
)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(dtype: torch.dtype) -> None:
    tensor = torch.zeros(3, 5, dtype=dtype)
    poison(tensor)
    assert (tensor.view(torch.uint8) == 0xFF).all()


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn], ids=str
)
def test_floats_become_nan(dtype: torch.dtype) -> None:
    tensor = torch.ones(7, dtype=dtype)
    poison(tensor)
    assert tensor.to(torch.float32).isnan().all()


VIEWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "columns": lambda base: base[:, 1:3],
    "every other row": lambda base: base[::2],
    "transposed": lambda base: base.t(),
    "one element": lambda base: base[2, 3],
    "expanded": lambda base: base[1:2].expand(4, -1),
    "overlapping": lambda base: base.flatten().unfold(0, 4, 2),
    "nothing": lambda base: base[:0],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_only_what_a_view_covers(view: Callable[[torch.Tensor], torch.Tensor]) -> None:
    base = torch.zeros(6, 6, dtype=torch.int32)
    covered = torch.zeros(6, 6, dtype=torch.bool)
    numbers = view(torch.arange(36).reshape(6, 6)).flatten()
    covered.view(-1)[numbers] = True
    poison(view(base))
    assert torch.equal(base == -1, covered)
    assert torch.equal(base == 0, ~covered)


def test_weights_that_want_gradients() -> None:
    weight = torch.nn.Parameter(torch.ones(4))
    poison(weight)
    assert weight.isnan().all()
    assert weight.requires_grad
