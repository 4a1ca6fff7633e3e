"""Tensors own allocations: what their lives mean for the memory under them."""

import gc
import subprocess
import sys
import threading
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.sim.device import SimDevice
from imp_graphcheck.device.stack import site_of

D = "sim"
MIB = 1 << 20


def live(gpu: sim.Gpu, address: int) -> bool:
    return gpu.allocator.live_at(address) is not None


def test_a_free_is_seen_at_once_and_the_block_is_reused(gpu: sim.Gpu) -> None:
    x = torch.ones(1000, device=D)
    address = x.data_ptr()
    assert live(gpu, address)
    del x
    assert not live(gpu, address)
    assert gpu.allocator.allocated_bytes == 0
    assert torch.empty(1000, device=D).data_ptr() == address


def test_uninitialised_memory_holds_what_was_there(gpu: sim.Gpu) -> None:
    x = torch.full((100,), 7.0, device=D)
    del x
    assert torch.empty(100, device=D).tolist() == [7.0] * 100


def test_views_share_storage_and_keep_it_alive(gpu: sim.Gpu) -> None:
    x = torch.arange(12.0, device=D).view(3, 4)
    address = x.data_ptr()
    row = x[1]
    assert row.data_ptr() == address + 16
    row.add_(100)
    assert x[1].tolist() == [104, 105, 106, 107]
    del x
    assert live(gpu, address)
    del row
    assert not live(gpu, address)


def test_a_storage_alone_keeps_its_memory(gpu: sim.Gpu) -> None:
    storage = torch.ones(10, device=D).untyped_storage()
    assert gpu.allocator.allocated_bytes == 512
    assert storage.nbytes() == 40
    del storage
    assert gpu.allocator.allocated_bytes == 0


def test_what_autograd_saved_keeps_its_memory(gpu: sim.Gpu) -> None:
    weight = torch.ones(100, device=D, requires_grad=True)
    loss = (weight * 2).exp().sum()
    held = gpu.allocator.allocated_bytes
    loss.backward()
    del loss
    assert gpu.allocator.allocated_bytes < held


def test_a_refused_call_keeps_no_tensor_alive(gpu: sim.Gpu, module: Any) -> None:
    def attempt() -> None:
        x = torch.ones(10, device=D)
        with module.graph(module.CUDAGraph()):
            (x * 2).sum().item()

    with pytest.raises(RuntimeError):
        attempt()  # what torch imports on the way, on first use, leaves cycles of its own
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(RuntimeError):
            attempt()
        assert gpu.allocator.allocated_bytes == 0, "no cycle keeps the frames of the error"
    finally:
        gc.enable()


def test_a_tensor_that_dies_while_an_exception_travels_through_torch(gpu: sim.Gpu) -> None:
    with pytest.raises(torch.linalg.LinAlgError):
        torch.linalg.cholesky(-torch.eye(3, device=D))
    gc.collect()
    assert gpu.allocator.allocated_bytes == 0


def test_a_tensor_that_dies_inside_an_allocation_is_freed_after_it(gpu: sim.Gpu) -> None:
    doomed = [torch.ones(10, device=D)]
    address = doomed[0].data_ptr()
    seen: list[bool] = []
    real_map = gpu.arena.map

    def collecting_map(size: int) -> int | None:
        doomed.clear()
        seen.append(live(gpu, address))
        return real_map(size)

    gpu.arena.map = collecting_map  # type: ignore[method-assign]
    kept = torch.empty(64 * MIB, dtype=torch.uint8, device=D)
    assert seen == [True], "the allocator was in the middle of a step"
    assert not live(gpu, address)
    assert live(gpu, kept.data_ptr())


def test_resize_grows_into_new_memory_and_takes_the_content_along(gpu: sim.Gpu) -> None:
    x = torch.arange(4.0, device=D)
    before = x.data_ptr()
    x.resize_(2)
    assert (x.data_ptr(), x.tolist()) == (before, [0.0, 1.0]), "shrinking moves nothing"
    x.resize_(1000)
    assert x.data_ptr() != before
    assert not live(gpu, before)
    assert x[:4].tolist() == [0, 1, 2, 3]


def test_tensors_without_elements_own_nothing(gpu: sim.Gpu) -> None:
    x = torch.empty(0, 3, device=D)
    assert (gpu.allocator.allocated_bytes, x.shape, x.data_ptr()) == (0, (0, 3), 0)
    assert (x + 1).sum(0).tolist() == [0, 0, 0]


def test_running_out_of_memory_is_torchs_error_and_passes() -> None:
    sim.enable()
    gc.collect()
    gpu = sim.reset(64 * MIB)
    kept = torch.empty(40 * MIB, dtype=torch.uint8, device=D)
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        torch.empty(40 * MIB, dtype=torch.uint8, device=D)
    del kept
    torch.empty(60 * MIB, dtype=torch.uint8, device=D)
    assert gpu.fault is None


def test_empty_cache_unmaps_only_what_is_wholly_free(gpu: sim.Gpu, module: Any) -> None:
    kept, gone = torch.empty(12 * MIB, device=D), torch.empty(3 * MIB, device=D)
    address = gone.data_ptr()
    del gone
    module.empty_cache()
    assert gpu.allocator.segment_at(address) is None
    assert gpu.allocator.segment_at(kept.data_ptr()) is not None
    assert module.memory_reserved() == 48 * MIB


def test_old_tensors_die_on_the_old_device(gpu: sim.Gpu) -> None:
    old = torch.ones(10, device=D)
    fresh = sim.reset()
    new = torch.ones(10, device=D)
    del old
    assert gpu.allocator.allocated_bytes == 0
    assert fresh.allocator.allocated_bytes == 512
    assert new.tolist() == [1.0] * 10


def test_sites_of_birth_and_death(gpu: sim.Gpu) -> None:
    x = torch.ones(10, device=D)
    born = sys._getframe().f_lineno - 1
    address = x.data_ptr()
    del x
    died = sys._getframe().f_lineno - 1
    owner = gpu.allocator.last_owner(address)
    assert owner is not None
    sites = site_of(owner.allocation_site), site_of(owner.free_site)
    assert [(site.file, site.line) for site in sites if site] == [(__file__, born), (__file__, died)]


def test_ten_thousand_operators_leave_nothing_behind(gpu: sim.Gpu) -> None:
    from imp_graphcheck.device.sim import dlpack, shapes

    x = torch.ones(16, device=D)
    for number in range(300):
        _ = x + number  # a new constant each time
    watches, before = len(dlpack._watches), gpu.allocator.allocated_bytes
    for number in range(10_000):
        _ = x + number
    assert len(dlpack._watches) == watches
    assert gpu.allocator.allocated_bytes == before
    assert len(shapes._remembered) <= shapes._CACHE_LIMIT
    assert len(gpu.allocator.history) <= 20_000


def test_threads_allocate_and_free_at_once(gpu: sim.Gpu, module: Any) -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            with module.stream(module.Stream()):
                x = torch.full((64,), float(seed), device=D)
                for step in range(150):
                    x = (x + 1).view(8, 8).t().contiguous().view(-1)
                    assert x[0].item() == seed + step + 1
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert gpu.allocator.allocated_bytes == 0


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("", id="a tensor at the end"),
        pytest.param("graph = m.CUDAGraph()\nwith m.graph(graph): y = x * 2\nm.ring = [x]; m.ring.append(m.ring)", id="a graph and a cycle"),
        pytest.param("import threading; keep = threading.local(); keep.x = x; import builtins; builtins.x = x", id="held to the last"),
        pytest.param("h = x.cpu().pin_memory(); y = torch.nn.Parameter(x); (y * y).sum().backward()", id="pinned and autograd"),
    ],
)  # fmt: skip
def test_the_interpreter_ends_in_silence(ending: str) -> None:
    program = (
        "import torch\nfrom imp_graphcheck.device import sim\nsim.enable()\n"
        "m = torch.get_device_module('sim')\nx = torch.ones(8, device='sim')\n" + ending
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_poison_covers_every_byte_of_the_tensor_and_no_other(gpu: sim.Gpu) -> None:
    device = SimDevice()
    x = torch.zeros(4, 4, device=D)
    device.poison(x[:, 1:3])
    assert x.isnan().cpu().tolist() == [[False, True, True, False]] * 4
    device.poison(x.t())
    assert x.isnan().all().item()
    y = torch.zeros(3, dtype=torch.int64, device=D)
    device.poison(y[:1].expand(5))
    assert y.tolist() == [-1, 0, 0]
    device.poison(torch.empty(0, device=D))
