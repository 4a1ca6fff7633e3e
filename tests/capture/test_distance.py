"""The figures of a comparison, against independent definitions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from torch.nn.functional import kl_div

from imp_graphcheck.capture.distance import distance


def rows(seed: int, count: int = 5, classes: int = 40) -> torch.Tensor:
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 10_000), st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
def test_equal_outputs_have_no_distance(seed: int, dtype: torch.dtype) -> None:
    base = rows(seed).to(dtype)
    found = distance((base,), (base.clone(),))
    assert (found.max_abs_delta, found.bit_equal, found.kld_max) == (0.0, 1.0, 0.0)
    assert (found.top1_agreement, found.top5_agreement) == (1.0, 1.0)


@given(st.integers(0, 10_000))
def test_kld_is_that_of_torch(seed: int) -> None:
    base, test = rows(seed), rows(seed + 1)
    found = distance((base,), (test,))
    expected = kl_div(
        test.double().log_softmax(-1), base.double().log_softmax(-1), reduction="none", log_target=True
    ).sum(-1)
    assert found.kld == pytest.approx(float(expected.mean()), rel=1e-9)
    assert found.kld_max == pytest.approx(float(expected.max()), rel=1e-9)
    assert found.max_abs_delta == pytest.approx(float((base - test).abs().max()))
    assert found.mean_abs_delta == pytest.approx(float((base - test).abs().double().mean()))


def test_one_wrong_row_of_many_shows() -> None:
    base = rows(1, count=600)
    test = base.clone()
    test[431] = base[432]
    found = distance((base,), (test,))
    assert found.top1_agreement == pytest.approx(599 / 600)
    assert found.bit_equal == pytest.approx(599 / 600)
    assert found.kld_max is not None
    assert found.kld_max > 0.1


def test_top5_counts_shared_candidates() -> None:
    base = torch.arange(10.0).repeat(2, 1)
    test = base.clone()
    test[0, 9], test[0, 0] = 0.0, 9.0  # one of the five best of the first row is another
    found = distance((base,), (test,))
    assert found.top5_agreement == pytest.approx((4 / 5 + 1) / 2)
    assert found.top1_agreement == pytest.approx(0.5)


def test_nan_and_infinity_are_counted_and_do_not_hide_the_rest() -> None:
    base = rows(3)
    test = base.clone()
    test[0, 0], test[0, 1], test[1, 2] = math.nan, math.inf, base[1, 2] + 0.5
    found = distance((base,), (test,))
    assert (found.nan_count, found.inf_count) == (1, 1)
    assert found.max_abs_delta == pytest.approx(0.5, rel=1e-5)
    assert found.kld is not None
    assert math.isfinite(found.kld)


def test_nothing_finite_leaves_no_figure() -> None:
    base = rows(4)
    found = distance((base,), (torch.full_like(base, math.nan),))
    assert (found.max_abs_delta, found.kld, found.top1_agreement) == (None, None, None)


def test_bits_differ_where_numbers_do_not() -> None:
    found = distance((torch.zeros(4),), (torch.tensor([0.0, -0.0, 0.0, 0.0]),))
    assert (found.max_abs_delta, found.bit_equal) == (0.0, 0.75)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_integers_are_compared_exactly(dtype: torch.dtype) -> None:
    base = torch.zeros(8, dtype=dtype)
    test = base.clone()
    test[3] = 1
    found = distance((base,), (test,))
    assert (found.max_abs_delta, found.bit_equal, found.kld) == (1.0, 7 / 8, None)


def test_last_digit_of_a_large_integer_shows() -> None:
    large = torch.tensor([2**53 + 1], dtype=torch.int64)
    assert distance((large,), (large - 1,)).max_abs_delta == 1.0


def test_complex_outputs() -> None:
    base = torch.tensor([1 + 1j, 2 + 0j])
    assert distance((base,), (base + 1j,)).max_abs_delta == pytest.approx(1.0)


def test_layouts_that_differ_are_named() -> None:
    found = distance((torch.zeros(2, 3),), (torch.zeros(2, 4, dtype=torch.float16),))
    assert found.layouts == "float16[2, 4] instead of float32[2, 3]"
    assert (found.bit_equal, found.max_abs_delta) == (0.0, None)


def test_short_last_dimension_is_no_distribution() -> None:
    assert distance((torch.randn(3, 4),), (torch.randn(3, 4),)).kld is None


def test_several_tensors_count_together() -> None:
    base = (torch.zeros(4), torch.zeros(2, dtype=torch.int64))
    test = (torch.zeros(4), torch.tensor([0, 7]))
    found = distance(base, test)
    assert (found.max_abs_delta, found.bit_equal) == (7.0, 5 / 6)


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_short_way_for_equal_bits_gives_the_same_figures(seed: int, bad_share: float) -> None:
    base = rows(seed)
    holes = torch.rand(base.shape, generator=torch.Generator().manual_seed(seed)) < bad_share
    base[holes] = math.nan
    short = distance((base,), (base.clone(),))
    nudged = torch.tensor([0.0])
    long = distance((base, nudged), (base.clone(), -nudged))  # the sign of a zero forces the long way
    assert replace(long, bit_equal=1.0) == replace(short, max_abs_delta=0.0, mean_abs_delta=0.0)
