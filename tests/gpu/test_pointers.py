"""On a real card: every argument of every node is read and followed to the allocation it lies in."""

import ctypes
import gc
import inspect
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import torch

from imp_graphcheck.checks.confirm import confirm
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.op_trace import Launch, OpTrace
from imp_graphcheck.record.graph import GraphTrace, Node, Pointer
from imp_graphcheck.record.memory import Allocation

pytestmark = pytest.mark.gpu

BYTES = 4096


@pytest.fixture(autouse=True)
def recording(device: CudaDevice) -> Any:
    """The allocator is watched, and the bindings are there."""
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")
    torch.cuda.empty_cache()
    with device.recording():
        yield


def traced(device: CudaDevice) -> OpTrace:
    return OpTrace("cuda", device.capture_position, torch.cuda.is_current_stream_capturing)


def captured(device: CudaDevice, body: Callable[[], Any], pool: Any = None) -> tuple[Any, Any, list[Launch]]:
    """Graph, output and operators of `body`, run once before on a side stream."""
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph(keep_graph=True)
    trace: Any = traced(device)
    entered: AbstractContextManager[Any] = torch.cuda.graph(graph, stream=side, pool=pool)
    with entered, trace:
        output = body()
    return graph, output, trace.launches


def read(device: CudaDevice, graph: Any, launches: list[Launch] | None = None) -> GraphTrace:
    return device.read_graph(graph, key="test", capture_seconds=0.0, launches=launches or ())


def pointers(node: Node) -> list[Pointer]:
    return [pointer for param in node.params for pointer in param.pointers]


def at(node: Node, address: int) -> Pointer:
    """The one pointer to `address`."""
    (found,) = {pointer.address: pointer for pointer in pointers(node) if pointer.address == address}.values()
    return found


def life(device: CudaDevice, pointer: Pointer) -> Allocation:
    assert pointer.generation is not None
    return device.allocations([pointer.generation])[pointer.generation]


def line() -> int:
    """Of the caller."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


class TestKernels:
    def test_an_input_that_is_freed_after_the_capture(self, device: CudaDevice) -> None:
        held, allocated = [torch.ones(3 << 20, device="cuda")], line()
        graph, _, _ = captured(device, lambda: held[0] * 2)
        (node,) = read(device, graph).nodes
        pointer = at(node, held[0].data_ptr())
        assert life(device, pointer).state == "live"
        held.clear()
        freed = line() - 1
        found = life(device, pointer)
        assert (found.state, found.pool, found.size_bytes) == ("freed", "default", 12 << 20)
        assert (found.allocation_site and found.allocation_site.line) == allocated
        assert (found.free_site and found.free_site.line) == freed
        again = torch.ones(3 << 20, device="cuda")
        assert again.data_ptr() == pointer.address
        assert life(device, pointer).state == "freed"
        assert read(device, graph).nodes[0].grid is not None

    def test_a_node_keeps_the_owner_of_its_time(self, device: CudaDevice) -> None:
        held = [torch.ones(3 << 20, device="cuda")]
        graph, _, launches = captured(device, lambda: held[0] * 2)
        address = held[0].data_ptr()
        held.clear()
        newer = torch.ones(3 << 20, device="cuda")
        assert newer.data_ptr() == address
        (node,) = read(device, graph, launches).nodes
        assert life(device, at(node, address)).state == "freed"

    def test_unmapped(self, device: CudaDevice) -> None:
        gc.collect()
        torch.cuda.empty_cache()  # a block cut from an older segment would not be unmapped
        held = [torch.ones(512 << 20, device="cuda")]
        graph, _, _ = captured(device, lambda: held[0][:8] * 2)
        address = held[0].data_ptr()
        held.clear()
        torch.cuda.empty_cache()
        (node,) = read(device, graph).nodes
        assert life(device, at(node, address)).state == "unmapped"

    def test_geometry_operator_and_line(self, device: CudaDevice) -> None:
        x = torch.ones(1 << 20, device="cuda")

        def body() -> torch.Tensor:
            y = x * 2
            return y + 1

        graph, _, launches = captured(device, body)
        trace = read(device, graph, launches)
        assert [node.op for node in trace.nodes] == ["aten.mul.Tensor", "aten.add.Tensor"]
        sites = [trace.launch_site(node) for node in trace.nodes]
        first, second = [site.line for site in sites if site is not None]
        assert second == first + 1
        assert all(site is not None and site.file == __file__ for site in sites)
        for node in trace.nodes:
            assert node.grid is not None
            assert node.grid[0] > 1
            assert node.block == (128, 1, 1)

    def test_intermediates_lie_in_the_graphs_own_pool(self, device: CudaDevice) -> None:
        x = torch.ones(1 << 20, device="cuda")
        graph, output, launches = captured(device, lambda: (((x * 2) + 1) * 3) + 4)
        trace = read(device, graph, launches)
        owners = [
            {life(device, pointer).pool for pointer in pointers(node) if pointer.address != x.data_ptr()}
            for node in trace.nodes
        ]
        assert owners == [{trace.pool}] * 4
        assert len({p.generation for node in trace.nodes for p in pointers(node)}) == 5, "one for each tensor"
        assert [each.address for each in device.live_in_pool(graph).values()] == [output.data_ptr()]

    def test_matmul_with_packed_arguments(self, device: CudaDevice) -> None:
        a, b = (torch.randn(2048, 2048, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        graph, output, launches = captured(device, lambda: a @ b)
        trace = read(device, graph, launches)
        found = {pointer.address for node in trace.nodes for pointer in pointers(node)}
        print([(n.name, len(n.params), [len(p.data) // 2 for p in n.params][:4]) for n in trace.nodes])
        assert {a.data_ptr(), b.data_ptr(), output.data_ptr()} <= found
        assert all(node.op == "aten.mm.default" for node in trace.nodes)

    def test_attention(self, device: CudaDevice) -> None:
        q, k, v = (torch.randn(1, 8, 512, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        attend = torch.nn.functional.scaled_dot_product_attention
        graph, output, launches = captured(device, lambda: attend(q, k, v, is_causal=True))
        found = {p.address for node in read(device, graph, launches).nodes for p in pointers(node)}
        assert {q.data_ptr(), k.data_ptr(), v.data_ptr(), output.data_ptr()} <= found

    def test_a_graph_whose_input_was_freed_inside_the_capture(self, device: CudaDevice) -> None:
        held = [torch.ones(3 << 20, device="cuda")]
        address = held[0].data_ptr()

        def body() -> torch.Tensor:
            result = held[0] * 2
            if torch.cuda.is_current_stream_capturing():
                held.clear()
            return result

        graph, _, launches = captured(device, body)
        (node,) = read(device, graph, launches).nodes
        found = life(device, at(node, address))
        assert (found.state, found.pool) == ("freed", "default")
        assert found.free_site is not None
        assert found.free_site.function.endswith("body")


class TestCopies:
    def test_device_and_pinned(self, device: CudaDevice) -> None:
        first, second = (torch.zeros(BYTES, dtype=torch.uint8, device="cuda") for _ in range(2))
        pinned = [torch.zeros(BYTES, dtype=torch.uint8).pin_memory()]
        address = pinned[0].data_ptr()

        def body() -> None:
            second.copy_(first)
            first.copy_(pinned[0], non_blocking=True)

        device.observe(pinned)
        graph, _, launches = captured(device, body)
        d2d, h2d = read(device, graph, launches).nodes
        assert [(p.access, p.span_bytes) for p in pointers(d2d)] == [("read", BYTES), ("write", BYTES)]
        assert [p.address for p in pointers(d2d)] == [first.data_ptr(), second.data_ptr()]
        source = at(h2d, address)
        found = life(device, source)
        assert (found.space, found.state, found.address) == ("pinned", "live", address)
        pinned.clear()
        found = life(device, source)
        assert found.state == "freed"
        assert found.free_site is not None
        assert found.free_site.file == __file__

    def test_pinned_memory_that_was_not_shown(self, device: CudaDevice) -> None:
        x = torch.zeros(BYTES, dtype=torch.uint8, device="cuda")
        pinned = torch.zeros(BYTES, dtype=torch.uint8).pin_memory()
        graph, _, _ = captured(device, lambda: x.copy_(pinned, non_blocking=True))
        (node,) = read(device, graph).nodes
        source = at(node, pinned.data_ptr())
        assert (life(device, source).space, life(device, source).state) == ("pinned", "live")
        assert life(device, source).size_bytes >= BYTES

    def test_pageable(self, device: CudaDevice) -> None:
        from cuda.bindings import driver

        x, host = torch.zeros(BYTES, dtype=torch.uint8, device="cuda"), ctypes.create_string_buffer(BYTES)

        def body() -> None:
            stream = torch.cuda.current_stream().cuda_stream
            driver.cuMemcpyHtoDAsync(x.data_ptr(), ctypes.addressof(host), BYTES, stream)

        graph, _, _ = captured(device, body)
        (node,) = read(device, graph).nodes
        assert life(device, at(node, ctypes.addressof(host))).space == "pageable"

    def test_memset(self, device: CudaDevice) -> None:
        x = torch.ones(BYTES, dtype=torch.uint8, device="cuda")
        graph, _, launches = captured(device, lambda: x.zero_())
        (node,) = read(device, graph, launches).nodes
        assert node.kind in ("memset", "kernel")
        assert at(node, x.data_ptr()).displacement == 0


def test_a_ring_that_overflows_loses_lines_and_no_state(device: CudaDevice) -> None:
    journal = Journal(torch.cuda.current_device())
    with journal.recording(max_entries=16):
        kept = torch.ones(3 << 20, device="cuda")
        gone = [torch.ones(5 << 20, device="cuda")]
        addresses = [kept.data_ptr(), gone[0].data_ptr()]
        journal.update()
        gone.clear()
        for size in range(1, 100):
            torch.ones(size, device="cuda")
        journal.update()
        lives = [journal.addresses.at(address) for address in addresses]
        found = [journal.now(life.generation) for life in lives if life is not None]
    states = [(each.state, each.free_site is None) for each in found if each is not None]
    assert states == [("live", True), ("freed", True)]


def test_counting_nodes_outside_of_a_capture(device: CudaDevice) -> None:
    assert device.capture_position() == 0


def mix(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return ((x @ weight).softmax(-1) + x).sum(-1)


def test_numbers_are_told_from_addresses_by_a_second_capture(device: CudaDevice) -> None:
    weight = torch.randn(256, 256, device="cuda")
    inputs = [torch.randn(64, 256, device="cuda") for _ in range(2)]
    graphs, traces = [], []
    for x in inputs:
        graph, output, launches = captured(device, partial(mix, x, weight))
        graphs.append((graph, output))
        traces.append(read(device, graph, launches))
    wanted = {p.generation for trace in traces for node in trace.nodes for p in pointers(node)}
    memory = device.allocations([generation for generation in wanted if generation is not None])
    judged = confirm(traces[0], traces[1], memory)
    found = [pointer for node in judged.nodes for pointer in pointers(node)]
    print({verdict: sum(p.confirmed is verdict for p in found) for verdict in (True, False, None)})
    mine = [pointer for pointer in found if pointer.address == inputs[0].data_ptr()]
    assert mine
    assert all(pointer.confirmed for pointer in mine)
    shared = [pointer for pointer in found if pointer.address == weight.data_ptr()]
    assert all(pointer.confirmed is None for pointer in shared)


def test_speed(device: CudaDevice, capsys: pytest.CaptureFixture[str]) -> None:
    layers = [torch.randn(256, 256, device="cuda", dtype=torch.bfloat16) for _ in range(300)]
    x = torch.randn(64, 256, device="cuda", dtype=torch.bfloat16)

    def body() -> torch.Tensor:
        y = x
        for weight in layers:
            y = torch.nn.functional.rms_norm((y @ weight).relu() + y, (256,))
        return y

    started = time.perf_counter()
    graph, _, launches = captured(device, body)
    capturing, reads = time.perf_counter() - started, []
    for _ in range(5):
        started = time.perf_counter()
        trace = read(device, graph, launches)
        reads.append(time.perf_counter() - started)
    count = len(trace.nodes)
    found = sum(len(pointers(node)) for node in trace.nodes)
    started = time.perf_counter()
    device.allocations([1])
    asking = time.perf_counter() - started
    with capsys.disabled():
        print(
            f"\n{count} nodes, {found} pointers, warm-up and capture {capturing * 1e3:.0f} ms; read first "
            f"{reads[0] / count * 1e6:.1f} us per node, again {min(reads[1:]) / count * 1e6:.1f}; "
            f"allocations() {asking * 1e3:.2f} ms"
        )
    assert found > count
    assert min(reads[1:]) / count < 100e-6, "the cost does not grow with the owners an address has had"
