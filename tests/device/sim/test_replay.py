"""A replay touches memory by address, as it is then; what goes wrong is told down to the line."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.protocol import DeviceError
from imp_graphcheck.device.sim.device import SimDevice

D = "sim"
MIB = 1 << 20


def captured(module: Any, body: Callable[[], Any], **options: Any) -> tuple[Any, Any]:
    graph = module.CUDAGraph()
    with module.graph(graph, **options):
        out = body()
    return graph, out


def fault_of(module: Any) -> DeviceError:
    with pytest.raises(torch.AcceleratorError) as caught:
        module.synchronize()
    described = SimDevice().explain(caught.value)
    assert described is not None
    return described


def line(text: str) -> int:
    """The only line of this file that ends in that comment."""
    marked = [
        number
        for number, source in enumerate(inspect.getsource(inspect.getmodule(line)).splitlines(), 1)  # type: ignore[arg-type]
        if source.endswith(f"# {text}")
    ]
    assert len(marked) == 1
    return marked[0]


def test_a_replay_reads_what_lies_at_the_address_now(module: Any) -> None:
    x = torch.ones(4, device=D)
    graph, y = captured(module, lambda: x * 2)
    for value in (3.0, 5.0):
        x.fill_(value)
        graph.replay()
        assert y.tolist() == [2 * value] * 4


def test_a_freed_block_is_read_silently_until_it_is_reused(module: Any) -> None:
    def build() -> tuple[Any, torch.Tensor]:
        x = torch.full((1000,), 4.0, device=D)
        return captured(module, lambda: x + 0)

    graph, y = build()
    graph.replay()
    assert y[0].item() == 4.0
    torch.full((1000,), 9.0, device=D)
    graph.replay()
    assert y[0].item() == 9.0


def test_a_fault_names_node_argument_and_lines(module: Any) -> None:
    bias = torch.ones(16 * MIB, device=D)
    kept: dict[str, torch.Tensor] = {}

    def build() -> Any:
        kept["scale"] = torch.ones(16 * MIB, device=D)  # allocated here
        module.synchronize()
        return captured(module, lambda: (bias + 1) * kept["scale"])[0]  # launched here

    graph = build()
    address = kept["scale"].data_ptr()
    kept.clear()  # freed here
    module.empty_cache()
    graph.replay()
    fault = fault_of(module)
    assert (fault.name, fault.number, fault.sticky) == ("cudaErrorIllegalAddress", 700, True)
    assert (fault.graph_node, fault.kernel, fault.argument) == (1, "aten.mul.out", "other")
    assert fault.address == address
    for site, text in (
        (fault.allocation_site, "allocated here"),
        (fault.free_site, "freed here"),
        (fault.launch_site, "launched here"),
    ):
        assert site is not None
        assert (site.file, site.line) == (__file__, line(text))


def test_a_fault_is_for_good(gpu: sim.Gpu, module: Any) -> None:
    def build() -> Any:
        x = torch.ones(16 * MIB, device=D)
        return captured(module, lambda: x * 2)[0]

    y = torch.ones(4, device=D)
    graph = build()
    module.empty_cache()
    graph.replay()
    assert gpu.fault is not None
    calls: list[Callable[[], object]] = [
        module.synchronize,
        y.cpu,
        lambda: y + 1,
        lambda: torch.empty(4, device=D),
        graph.replay,
        module.Event().record,
        module.current_stream().query,
        lambda: module.graph(module.CUDAGraph()).__enter__(),
    ]
    for call in calls:
        with pytest.raises(torch.AcceleratorError, match="an illegal memory access"):
            call()
    sim.reset()
    assert torch.ones(4, device=D).tolist() == [1.0] * 4, "a new process would have a new context"


def test_what_was_queued_behind_a_fault_never_runs(gpu: sim.Gpu, module: Any) -> None:
    def build() -> Any:
        x = torch.ones(16 * MIB, device=D)
        return captured(module, lambda: x * 2)[0]

    y = torch.zeros(4, device=D)
    address = y.data_ptr()
    graph = build()
    module.empty_cache()
    module._sleep(1)
    graph.replay()
    y.add_(1)
    with pytest.raises(torch.AcceleratorError):
        module.synchronize()
    assert gpu.arena.view(address, torch.float32, (4,), (1,)).tolist() == [0.0] * 4


def test_an_index_out_of_range_is_a_device_assertion(module: Any) -> None:
    x, index = torch.ones(4, device=D), torch.tensor([0, 1], device=D)
    graph, y = captured(module, lambda: x.index_select(0, index))
    graph.replay()
    assert y.tolist() == [1.0, 1.0]
    index.fill_(9)
    graph.replay()
    fault = fault_of(module)
    assert (fault.number, fault.sticky, fault.kernel) == (710, True, "aten.index_select.default")


def test_a_kernel_that_the_host_lacks_is_no_fault_of_the_device(gpu: sim.Gpu) -> None:
    with pytest.raises(NotImplementedError):
        torch.ones(4, dtype=torch.int8, device=D).log_softmax(0)
    assert gpu.fault is None
    assert torch.ones(1, device=D).item() == 1.0


def test_python_values_are_frozen(module: Any) -> None:
    x, sizes = torch.arange(8.0, device=D), [2]
    host = torch.tensor(3.0)
    graph, (y, z) = captured(module, lambda: (x[: sizes[0]].sum(), x * host))
    sizes[0] = 8
    host.fill_(100.0)
    graph.replay()
    assert (y.item(), z[1].item()) == (1.0, 3.0)


def test_results_of_a_graph_live_in_its_pool(gpu: sim.Gpu, module: Any) -> None:
    x = torch.ones(4, device=D)
    graph, y = captured(module, lambda: x * 2)
    device = SimDevice()
    assert device.owns(graph, y)
    assert not device.owns(graph, x)
    address, pool = y.data_ptr(), graph.pool()
    del y
    module.empty_cache()
    assert gpu.allocator.segment_at(address) is not None, "the graph holds its pool"
    graph.reset()
    module.empty_cache()
    assert gpu.allocator.segment_at(address) is None
    assert gpu.allocator.pool_bytes(pool) == 0


def test_graphs_that_share_a_pool_overwrite_each_other(module: Any) -> None:
    pool, x = module.graph_pool_handle(), torch.ones(1000, device=D)
    first, y = captured(module, lambda: x * 2, pool=pool)
    address = y.data_ptr()
    first.replay()
    del y
    second, z = captured(module, lambda: x * 3, pool=pool)
    assert z.data_ptr() == address
    second.replay()
    first.replay()
    assert z[0].item() == 2.0, "the first writes over the result of the second"


def test_reading_a_graph(module: Any) -> None:
    x = torch.ones(4, 4, device=D)
    graph, _ = captured(module, lambda: torch.zeros(2, device=D).add_(1).clone() + x[0, :2])
    trace = SimDevice().read_graph(graph, key=("prefill", 4), capture_seconds=0.5)
    assert [node.kind for node in trace.nodes] == ["memset", "kernel", "memcpy", "kernel"]
    assert [node.dependencies for node in trace.nodes] == [(), (0,), (1,), (2,)]
    assert trace.pool_bytes == 2 * MIB


def test_generators_advance_with_each_replay_as_eagerly(module: Any) -> None:
    graph, y = captured(module, lambda: torch.rand(4, device=D))
    torch.manual_seed(5)
    seen = []
    for _ in range(2):
        graph.replay()
        seen.append(y.tolist())
    torch.manual_seed(5)
    assert seen == [torch.rand(4, device=D).tolist() for _ in range(2)]
