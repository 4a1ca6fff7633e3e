"""Copies between host and device: who waits for whom, and what is read when."""

from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim

D = "sim"


def test_pinned_memory_is_known_by_its_address(module: Any) -> None:
    pinned = torch.empty(8, pin_memory=True)
    assert pinned.is_pinned()
    assert pinned[3:].is_pinned()
    assert not torch.empty(8).is_pinned()
    assert not torch.empty(8, device=D).is_pinned()
    for factory in (torch.zeros, torch.ones, torch.rand):
        assert factory(3, pin_memory=True).is_pinned()
    assert torch.tensor([1, 2], pin_memory=True).tolist() == [1, 2]
    assert pinned.device.type == "cpu"


def test_only_host_tensors_can_be_pinned(module: Any) -> None:
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        torch.ones(3, device=D).pin_memory()
    with pytest.raises(RuntimeError, match="dense CPU tensors can be pinned"):
        torch.empty(3, device=D, pin_memory=True)


def test_a_pageable_source_is_read_when_the_copy_is_called(module: Any) -> None:
    host, device = torch.ones(4), torch.zeros(4, device=D)
    module._sleep(1)
    device.copy_(host, non_blocking=True)
    host.fill_(9.0)
    assert device.tolist() == [1.0] * 4


def test_a_pinned_source_is_read_when_the_copy_runs(module: Any) -> None:
    host, device = torch.ones(4).pin_memory(), torch.zeros(4, device=D)
    module._sleep(1)
    device.copy_(host, non_blocking=True)
    host.fill_(9.0)
    assert device.tolist() == [9.0] * 4


def test_a_blocking_copy_from_pinned_memory_has_run(module: Any) -> None:
    host, device = torch.ones(4).pin_memory(), torch.zeros(4, device=D)
    module._sleep(1)
    device.copy_(host)
    host.fill_(9.0)
    assert device.tolist() == [1.0] * 4


def test_a_download_into_pinned_memory_arrives_later(module: Any) -> None:
    device, host = torch.ones(4, device=D), torch.zeros(4).pin_memory()
    module._sleep(1)
    host.copy_(device, non_blocking=True)
    assert host.tolist() == [0.0] * 4
    module.synchronize()
    assert host.tolist() == [1.0] * 4


def test_a_download_into_pageable_memory_has_arrived(module: Any) -> None:
    device = torch.ones(4, device=D)
    module._sleep(1)
    device.add_(1)
    host = torch.zeros(4)
    host.copy_(device, non_blocking=True)
    assert host.tolist() == [2.0] * 4


def test_a_download_nobody_waits_for_makes_its_own_pinned_memory(module: Any) -> None:
    device = torch.ones(2, 3, device=D)
    host = device.t().to("cpu", torch.float64, non_blocking=True)
    module._sleep(1)
    later = device.to("cpu", non_blocking=True)
    assert (host.is_pinned(), host.dtype, later.is_pinned()) == (True, torch.float64, True)
    later.fill_(7.0)
    module.synchronize()
    assert (host.tolist(), later.tolist()) == ([[1.0] * 2] * 3, [[1.0] * 3] * 2)


def test_a_pinned_block_is_recycled_after_its_last_copy(gpu: sim.Gpu, module: Any) -> None:
    device = torch.zeros(4, device=D)
    host = torch.ones(4).pin_memory()
    address = host.data_ptr()
    module._sleep(1)
    device.copy_(host, non_blocking=True)
    del host
    assert torch.full((4,), 5.0).pin_memory().data_ptr() != address, "a pending copy protects its source"
    module.synchronize()
    assert device.tolist() == [1.0] * 4
    kept = [torch.empty(4, pin_memory=True) for _ in range(2)]
    assert address in [tensor.data_ptr() for tensor in kept]


def test_a_recorded_copy_protects_nothing(gpu: sim.Gpu, module: Any) -> None:
    graph, device = module.CUDAGraph(), torch.zeros(4, device=D)

    def record() -> int:
        host = torch.ones(4).pin_memory()
        with module.graph(graph):
            device.copy_(host, non_blocking=True)
        return host.data_ptr()

    address = record()
    other = torch.full((4,), 5.0).pin_memory()
    assert other.data_ptr() == address
    graph.replay()
    assert device.tolist() == [5.0] * 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32, torch.bool])
def test_copies_convert_between_types(module: Any, dtype: torch.dtype) -> None:
    source = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    target = torch.zeros(2, 2, dtype=dtype, device=D)
    target.copy_(source)
    assert target.tolist() == source.to(dtype).tolist()
    assert torch.zeros(2, 2, dtype=dtype).copy_(source.to(D)).tolist() == source.to(dtype).tolist()
    assert source.to(D).to(dtype).tolist() == source.to(dtype).tolist()


def test_copies_between_layouts(module: Any) -> None:
    source = torch.arange(12.0).view(3, 4)
    assert source.t().to(D).cpu().equal(source.t())
    assert source.to(D).t().cpu().equal(source.t())
    target = torch.zeros(4, 3, device=D)
    target.t().copy_(source)
    assert target.cpu().equal(source.t())
    host = torch.zeros(3, 8)
    host[:, ::2].copy_(source.to(D))
    assert host[:, ::2].equal(source)
    assert torch.zeros(3, 4, device=D).copy_(source[0].to(D)).cpu().equal(source[0].expand(3, 4))


def test_lazily_conjugated_and_negated_tensors_copy_as_what_they_mean(module: Any) -> None:
    host = torch.tensor([1 + 2j, 3 - 4j])
    device = host.to(D)
    assert device.conj().cpu().equal(host.conj())
    assert host.conj().to(D).cpu().equal(host.conj())
    assert device.conj().imag.cpu().equal(host.conj().imag)
    assert device.conj().clone().cpu().equal(host.conj().resolve_conj())
    target = torch.zeros(2, dtype=torch.complex64, device=D)
    target.conj().copy_(host)
    assert target.cpu().equal(host.conj().resolve_conj())
