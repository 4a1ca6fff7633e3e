"""The CUDA device on a real card: graphs are read as they were captured, memory is told apart, errors are named."""

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.device.cuda.error_codes import BY_NUMBER
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.libcuda import LibcudaDriver
from imp_graphcheck.device.protocol import GraphUnreadableError
from imp_graphcheck.record.graph import GraphTrace, Node

pytestmark = pytest.mark.gpu

BYTES = 4096


def read(device: CudaDevice, graph: Any) -> GraphTrace:
    return device.read_graph(graph, key="test", capture_seconds=0.0)


def generations_of(node: Node, address: int) -> set[int]:
    """Whose memory the node's pointers to `address` are in."""
    pointers = [pointer for param in node.params for pointer in param.pointers]
    return {each.generation for each in pointers if each.address == address and each.generation is not None}


@pytest.fixture
def driver(device: CudaDevice) -> Any:
    """NVIDIA's bindings."""
    return pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")


class TestReading:
    def test_elementwise(self, device: CudaDevice, capture: Any, driver: Any) -> None:
        x = torch.ones(1024, device="cuda")
        graph, _ = capture(lambda: x * 2 + 1)
        nodes = read(device, graph).nodes
        assert [node.kind for node in nodes] == ["kernel", "kernel"]
        assert [node.dependencies for node in nodes] == [(), (0,)]
        assert all("at::native::" in node.name and not node.name.startswith("_Z") for node in nodes)

    def test_matmul(self, device: CudaDevice, capture: Any, driver: Any) -> None:
        x = torch.randn(512, 512, device="cuda", dtype=torch.bfloat16)
        graph, _ = capture(lambda: x @ x)
        kernels = [node for node in read(device, graph).nodes if node.kind == "kernel"]
        assert kernels
        assert all(node.name and "(" not in node.name.split()[0] for node in kernels)

    def test_copies(self, device: CudaDevice, capture: Any, driver: Any) -> None:
        first, second = (torch.zeros(BYTES, dtype=torch.uint8, device="cuda") for _ in range(2))
        pinned, back = (torch.zeros(BYTES, dtype=torch.uint8).pin_memory() for _ in range(2))

        def body() -> None:
            second.copy_(first)
            first.copy_(pinned, non_blocking=True)
            back.copy_(second, non_blocking=True)

        graph, _ = capture(body)
        nodes = read(device, graph).nodes
        assert [(node.kind, node.direction, node.size_bytes) for node in nodes] == [
            ("memcpy", "d2d", BYTES),
            ("memcpy", "h2d", BYTES),
            ("memcpy", "d2h", BYTES),
        ]

    def test_memset_alloc_and_free(self, device: CudaDevice, capture: Any, driver: Any) -> None:
        x = torch.zeros(BYTES, dtype=torch.uint8, device="cuda")

        def body() -> None:
            stream = torch.cuda.current_stream().cuda_stream
            driver.cuMemsetD8Async(x.data_ptr(), 7, BYTES, stream)
            _, scratch = driver.cuMemAllocAsync(1 << 20, stream)
            driver.cuMemFreeAsync(scratch, stream)

        graph, _ = capture(body)
        nodes = read(device, graph).nodes
        assert [(node.kind, node.size_bytes) for node in nodes] == [
            ("memset", BYTES),
            ("alloc", 1 << 20),
            ("free", None),
        ]

    def test_fork_and_join(self, device: CudaDevice, capture: Any, driver: Any) -> None:
        x, branch = torch.ones(1024, device="cuda"), torch.cuda.Stream()

        def body() -> torch.Tensor:
            first = x * 2
            branch.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(branch):
                left = first + 1
            right = first + 2
            torch.cuda.current_stream().wait_stream(branch)
            return left + right

        graph, output = capture(body)
        nodes = read(device, graph).nodes
        assert [node.dependencies for node in nodes] == [(), (0,), (0,), (1, 2)]
        graph.replay()
        assert output[0].item() == 7.0

    def test_child_graphs(self, device: CudaDevice, capture: Any, driver: Any) -> None:
        x = torch.ones(1024, device="cuda")
        graph, _ = capture(lambda: x * 2 + 1)
        _, outer = driver.cuGraphCreate(0)
        _, first = driver.cuGraphAddEmptyNode(outer, None, 0)
        _, child = driver.cuGraphAddChildGraphNode(outer, [first], 1, driver.CUgraph(graph.raw_cuda_graph()))
        driver.cuGraphAddEmptyNode(outer, [child], 1)
        nodes = read_nodes(BindingsDriver(driver, "test"), int(outer))
        driver.cuGraphDestroy(outer)
        assert [node.created for node in nodes] == [0, 1, 1, 1, 2]
        assert [node.kind for node in nodes] == ["empty", "graph", "kernel", "kernel", "empty"]
        assert [node.dependencies for node in nodes] == [(), (0,), (1,), (2,), (3,)]

    def test_the_library_alone_sees_the_same_shape(
        self, device: CudaDevice, capture: Any, driver: Any
    ) -> None:
        x = torch.ones(256, 256, device="cuda")
        graph, _ = capture(lambda: (x @ x).softmax(-1) + x)
        handle = graph.raw_cuda_graph()
        full = read_nodes(BindingsDriver(driver, "test"), handle)
        plain = read_nodes(LibcudaDriver(), handle)
        assert [(n.kind, n.dependencies) for n in plain] == [(n.kind, n.dependencies) for n in full]

    def test_reading_changes_nothing(self, device: CudaDevice, capture: Any) -> None:
        x = torch.ones(1024, device="cuda")
        graph, output = capture(lambda: x * 3)
        assert read(device, graph) == read(device, graph)
        graph.replay()
        assert output[0].item() == 3.0
        assert read(device, graph).nodes

    def test_a_graph_that_was_not_kept(self, device: CudaDevice) -> None:
        x, graph = torch.ones(8, device="cuda"), torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            x * 2
        with pytest.raises(GraphUnreadableError, match="keep_graph=True"):
            read(device, graph)

    def test_a_graph_that_was_not_captured(self, device: CudaDevice) -> None:
        with pytest.raises(GraphUnreadableError, match="capture_end"):
            read(device, torch.cuda.CUDAGraph(keep_graph=True))


class TestMemory:
    def test_a_graph_owns_its_output_and_nothing_else(self, device: CudaDevice, capture: Any) -> None:
        x = torch.ones(1 << 20, device="cuda")
        first, first_output = capture(lambda: x * 2)
        second, second_output = capture(lambda: x * 2)
        assert device.owns(first, first_output)
        assert device.owns(first, first_output[1000:])
        assert not device.owns(first, x)
        assert not device.owns(first, second_output)
        assert not device.owns(second, first_output)

    def test_pool_bytes(self, device: CudaDevice, capture: Any) -> None:
        x = torch.ones(16 << 20, device="cuda")
        graph, output = capture(lambda: x * 2)
        pool_bytes = read(device, graph).pool_bytes
        assert pool_bytes is not None
        assert output.nbytes <= pool_bytes <= device.reserved_bytes()

    def test_poison_comes_in_stream_order_and_a_replay_overwrites_it(
        self, device: CudaDevice, capture: Any
    ) -> None:
        x = torch.ones(1 << 20, device="cuda", dtype=torch.bfloat16)
        graph, output = capture(lambda: x * 2)
        device.poison(output)
        poisoned = output.clone()
        graph.replay()
        device.synchronize()
        assert poisoned.isnan().all()
        assert (output == 2).all()

    def test_poison_of_a_view(self, device: CudaDevice) -> None:
        base = torch.zeros(64, 64, dtype=torch.int32, device="cuda")
        device.poison(base[:, 3:5])
        assert (base[:, 3:5] == -1).all()
        assert base.count_nonzero().item() == 128

    def test_history_names_the_lines_that_allocate_and_free(
        self, device: CudaDevice, capture: Any, driver: Any
    ) -> None:
        with device.recording():
            scratch = [torch.empty(3 << 20, device="cuda")]
            graph, _ = capture(lambda: scratch[0] * 2)
            (node,) = read(device, graph).nodes
            (generation,) = generations_of(node, scratch[0].data_ptr())
            scratch.clear()
            life = device.allocations([generation])[generation]
        assert life.state == "freed"
        assert life.allocation_site is not None
        assert life.free_site is not None
        assert (life.allocation_site.file, life.free_site.file) == (__file__, __file__)
        assert life.free_site.line - life.allocation_site.line == 4
        assert life.pool == "default"

    def test_recording_ends(self, device: CudaDevice) -> None:
        with device.recording():
            pass
        before = len(torch.cuda.memory._snapshot()["device_traces"][0])
        torch.empty(1 << 20, device="cuda")
        assert len(torch.cuda.memory._snapshot()["device_traces"][0]) == before


# Each program ends in an exception that the tool should explain. A process of its own for each: an error of a
# kernel ends the context, and a failed capture leaves torch's generator in capture mode.
PROLOGUE = """
import json, torch
from imp_graphcheck.device.cuda.device import CudaDevice
device = CudaDevice()
x = torch.ones(1 << 10, device="cuda")
graph = torch.cuda.CUDAGraph(keep_graph=True)
def main():
"""
EPILOGUE = """
try:
    main()
except Exception as error:
    found = device.explain(error)
    print(json.dumps([found.name, found.number, found.sticky, found.during_capture]))
"""
PROGRAMS = {
    "unmapped input": (
        """
    big = torch.ones(64 << 20, device="cuda")
    with torch.cuda.graph(graph):
        big * 2
    del big
    torch.cuda.empty_cache()
    graph.replay()
    torch.cuda.synchronize()
""",
        ["cudaErrorIllegalAddress", 700, True, False],
    ),
    "item": (
        """
    with torch.cuda.graph(graph):
        x.sum().item()
""",
        ["cudaErrorStreamCaptureUnsupported", 900, False, True],
    ),
    "pageable copy": (
        """
    with torch.cuda.graph(graph):
        x.copy_(torch.ones(1 << 10))
""",
        ["cudaErrorStreamCaptureUnsupported", 900, False, True],
    ),
    "cuBLAS first used inside": (
        """
    y = x.view(32, 32)
    with torch.cuda.graph(graph):
        y @ y
""",
        ["CUBLAS_STATUS_NOT_INITIALIZED", 1, False, True],
    ),
    "stream not joined": (
        """
    side = torch.cuda.Stream()
    with torch.cuda.graph(graph):
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            x * 2
""",
        ["cudaErrorStreamCaptureUnjoined", 904, False, True],
    ),
    "index out of range": (
        """
    index = torch.zeros(4, dtype=torch.long, device="cuda")
    x[index]
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        x[index]
    index.fill_(1 << 20)
    graph.replay()
    torch.cuda.synchronize()
""",
        ["cudaErrorAssert", 710, True, False],
    ),
}


@pytest.mark.parametrize(("program", "expected"), PROGRAMS.values(), ids=PROGRAMS)
def test_errors_are_explained(device: CudaDevice, program: str, expected: list[Any]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROLOGUE + program + EPILOGUE], capture_output=True, text=True, timeout=120
    )
    assert result.stdout, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == expected


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_runtime_calls_its_errors_the_same(device: CudaDevice, number: int) -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    code = runtime.cudaError_t(number)
    names = (runtime.cudaGetErrorName(code)[1].decode(), runtime.cudaGetErrorString(code)[1].decode())
    assert names == (BY_NUMBER[number].name, BY_NUMBER[number].text)


def test_description(device: CudaDevice) -> None:
    facts = device.describe()
    assert facts["device"] == torch.cuda.get_device_name()
    assert int(facts["device_memory_bytes"]) > 1 << 30
    assert all(isinstance(value, str) and value for value in facts.values())
    assert {"compute_capability", "cuda_driver", "cuda_runtime", "torch", "cuda_bindings"} <= facts.keys()


class TestHostCopies:
    def test_a_copy_holds_what_was_there(self, device: CudaDevice) -> None:
        tensor = torch.randn(1 << 20, device="cuda").to(torch.bfloat16)[::2]
        copy = device.host_copy(tensor)
        assert torch.equal(copy, tensor.cpu())
        assert device.holds(tensor, copy)
        tensor[-1] += 1
        assert not device.holds(tensor, copy)

    def test_it_takes_no_block_of_the_program(self, device: CudaDevice) -> None:
        tensor = torch.zeros(4 << 20, device="cuda")
        copy = device.host_copy(tensor)
        given_back = torch.empty(4 << 20, device="cuda")
        address = given_back.data_ptr()
        del given_back
        assert device.holds(tensor, copy)
        assert torch.empty(4 << 20, device="cuda").data_ptr() == address
        assert copy.is_pinned()

    def test_pages_are_unlocked_when_the_copy_goes(self, device: CudaDevice) -> None:
        tensor = torch.zeros(4 << 20, device="cuda")
        for _ in range(200):
            device.host_copy(tensor)
        assert torch.equal(device.host_copy(tensor), tensor.cpu())
