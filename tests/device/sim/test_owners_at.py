"""Who had an address when a capture ended, and what lies in memory."""

from typing import Any

import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.sim.allocator import CachingAllocator
from imp_graphcheck.device.sim.device import SimDevice

D = "sim"


def captured(module: Any, x: torch.Tensor) -> Any:
    graph = module.CUDAGraph()
    with module.graph(graph):
        x.mul(2)
    return graph


def test_the_owner_of_then_and_the_owner_of_now(gpu: sim.Gpu, module: Any) -> None:
    device = SimDevice()
    before, kept = [torch.ones(8, device=D)], torch.ones(8, device=D)
    address, other = before[0].data_ptr(), kept.data_ptr()
    graph = captured(module, kept)
    first = device.owners_of([address, other], captured=graph)
    assert set(first) == {address, other}
    assert device.owners_of([address, other]) == first
    before.clear()
    assert device.owners_of([address, other]) == {other: first[other]}
    assert device.owners_of([address, other], captured=graph) == first
    assert device.allocations([first[address]])[first[address]].state == "freed"
    newer = torch.ones(8, device=D)
    assert newer.data_ptr() == address
    assert device.owners_of([address])[address] != first[address]
    assert device.owners_of([address], captured=graph) == {address: first[address]}
    del newer
    assert device.owners_of([address], captured=graph) == {address: first[address]}


def test_memory_that_was_dead_or_unborn_when_the_capture_ended(gpu: sim.Gpu, module: Any) -> None:
    x, gone = torch.ones(8, device=D), torch.ones(8, device=D)
    address = gone.data_ptr()
    del gone
    graph = captured(module, x)
    assert SimDevice().owners_of([address], captured=graph) == {}
    late = torch.ones(8, device=D)
    assert late.data_ptr() == address
    assert SimDevice().owners_of([address], captured=graph) == {}


def test_what_dies_right_after_the_capture_was_alive_at_its_end(gpu: sim.Gpu, module: Any) -> None:
    x, held = torch.ones(8, device=D), [torch.ones(8, device=D)]
    address = held[0].data_ptr()
    graph = captured(module, x)
    held.clear()
    assert set(SimDevice().owners_of([address + 8], captured=graph)) == {address + 8}


def test_contents_of_live_memory_only(gpu: sim.Gpu) -> None:
    device = SimDevice()
    x = [torch.arange(4, device=D)]
    address = x[0].data_ptr()
    assert device.contents(address + 8, 16) == (1).to_bytes(8, "little") + (2).to_bytes(8, "little")
    assert device.contents(address, 40) is None, "the block goes on, the tensor does not"
    x.clear()
    assert device.contents(address, 8) is None
    assert device.contents(0x1234, 8) is None


def test_the_clock_ticks_at_both_ends_of_a_life(gpu: sim.Gpu) -> None:
    allocator: CachingAllocator = gpu.allocator
    first = allocator.allocate(8)
    assert first is not None
    then = allocator.clock
    allocator.free(first.address)
    second = allocator.allocate(8)
    assert second is not None
    assert second.address == first.address
    assert allocator.owners_at([first.address], then) == {first.address: first}
    assert allocator.owners_at([first.address], then - 1) == {}
    assert allocator.owners_at([first.address], then + 1) == {}
    assert allocator.owners_at([first.address], then + 2) == {first.address: second}
    assert allocator.owners_at([first.address]) == {first.address: second}
