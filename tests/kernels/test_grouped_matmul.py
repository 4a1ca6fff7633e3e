"""The grouped product, against one `linear` per row; and that routing never reaches the host."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from imp_kernels import grouped_matmul
from imp_kernels.grouped_matmul import dense_over_experts

K, M = 16, 24


def problem(counts: list[int], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, weights and offsets of experts that own `counts` rows."""
    generator = torch.Generator().manual_seed(sum(counts))
    x = torch.randn(sum(counts), K, generator=generator).to(dtype)
    weight = torch.randn(len(counts), M, K, generator=generator).to(dtype)
    return x, weight, torch.tensor(counts).cumsum(0).to(torch.int32)


def row_by_row(x: Tensor, weight: Tensor, counts: list[int]) -> Tensor:
    owner = [expert for expert, count in enumerate(counts) for _ in range(count)]
    rows = [weight[expert].double() @ row.double() for row, expert in zip(x, owner, strict=True)]
    return torch.stack(rows) if rows else torch.zeros(0, M)


@settings(deadline=None, max_examples=50)
@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=8))
def test_both_definitions_equal_one_product_per_row(counts: list[int]) -> None:
    x, weight, offsets = problem(counts)
    exact = row_by_row(x, weight, counts)
    for implementation in (grouped_matmul, dense_over_experts):
        assert torch.allclose(implementation(x, weight, offsets).double(), exact.double(), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("counts", [[3, 0, 5, 1], [0, 0, 0, 7], [7, 0, 0, 0], [1, 1, 1, 1]])
def test_on_every_device(device: torch.device, dtype: torch.dtype, counts: list[int]) -> None:
    x, weight, offsets = problem(counts, dtype)
    result = grouped_matmul(x.to(device), weight.to(device), offsets.to(device)).cpu()
    assert result.dtype is dtype
    tolerance = 1e-4 if dtype is torch.float32 else 0.1
    assert (result.double() - row_by_row(x, weight, counts)).abs().max() <= tolerance


def test_shapes_are_known_without_values() -> None:
    x, weight, offsets = (tensor.to("meta") for tensor in problem([2, 3]))
    assert grouped_matmul(x, weight, offsets).shape == (5, M)


def test_the_operator_keeps_torch_s_rules() -> None:
    operator = torch.ops.imp_kernels.grouped_matmul
    torch.library.opcheck(operator, problem([2, 0, 3]), test_utils=("test_schema", "test_faketensor"))


def test_private_devices_use_their_own_fallback() -> None:
    name = "imp_kernels::grouped_matmul"
    assert torch._C._dispatch_has_kernel_for_dispatch_key(name, "CPU")
    assert not torch._C._dispatch_has_kernel_for_dispatch_key(name, "PrivateUse1")
    assert not torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeExplicitAutograd")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU on this machine")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_captured_product_follows_the_routing_of_each_replay(dtype: torch.dtype) -> None:
    # GIVEN a graph captured under one routing
    x, weight, offsets = (tensor.cuda() for tensor in problem([4, 0, 4, 0], dtype))
    module = torch.get_device_module("cuda")
    stream = module.Stream()
    with torch.cuda.stream(stream):
        grouped_matmul(x, weight, offsets)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        out = grouped_matmul(x, weight, offsets)
    # WHEN it replays under another
    offsets.copy_(torch.tensor([1, 3, 3, 8], dtype=torch.int32))
    graph.replay()
    # THEN it computes that of the other
    exact = row_by_row(x.cpu(), weight.cpu(), [1, 2, 0, 5])
    assert (out.cpu().double() - exact).abs().max() <= (1e-4 if dtype is torch.float32 else 0.1)
