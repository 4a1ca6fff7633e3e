"""The parts of the CUDA device that a machine without a card can run."""

import ctypes
import inspect
from typing import Any

import pytest

from imp_graphcheck.device.cuda import device as module
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.device.cuda.graph_driver import DriverError, Function
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.libcuda import LibcudaDriver
from imp_graphcheck.device.cuda.pools import contains, pool_name, total_bytes
from imp_graphcheck.device.protocol import Device, GraphUnreadableError

NOT_KEPT = (
    "You cannot access the raw cudaGraph_t instance unless CUDAGraph was initialized with keep_graph=true"
)
NOT_CAPTURED = "You cannot access the raw cudaGraph_t instance until capture_end() has been called"


def test_it_has_every_member_of_the_protocol() -> None:
    wanted = {name for name, _ in inspect.getmembers(Device) if not name.startswith("_")}
    assert len(wanted) >= 10, "the protocol was read"
    assert wanted <= {name for name, _ in inspect.getmembers(CudaDevice)}


@pytest.mark.parametrize(
    ("message", "reason"),
    [(NOT_KEPT, "captured without keep_graph=True"), (NOT_CAPTURED, "until capture_end")],
)
def test_a_graph_that_cannot_be_had_says_why(message: str, reason: str) -> None:
    class Graph:
        def raw_cuda_graph(self) -> int:
            raise RuntimeError(f"{message}\nException raised from raw_cuda_graph")

    with pytest.raises(GraphUnreadableError, match=reason) as caught:
        module._raw(Graph())
    assert "\n" not in str(caught.value)


def test_segments_of_a_pool() -> None:
    segments = [{"address": 4096, "total_size": 2048}, {"address": 8192, "total_size": 512}]
    assert total_bytes(segments) == 2560
    assert [contains(segments, address) for address in (4096, 6143, 6144, 8200)] == [True, True, False, True]
    assert not contains([], 4096)


def test_pools_have_names() -> None:
    assert [pool_name(pool) for pool in ((0, 0), (0, 3), (2, 0), None)] == [
        "default",
        "pool 0:3",
        "pool 2:0",
        "unknown",
    ]


class FakeLibrary:
    """libcuda with one graph: a kernel, then a copy."""

    def __init__(self, result: int = 0) -> None:
        self.result = result

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802 - the names are the driver's
        version._obj.value = 13000
        return self.result

    def cuGraphGetNodes(self, graph: Any, nodes: Any, count: Any) -> int:  # noqa: N802
        count._obj.value = 2
        if nodes is not None:
            nodes[0], nodes[1] = 100, 200
        return self.result

    def cuGraphGetEdges_v2(self, graph: Any, sources: Any, targets: Any, kinds: Any, count: Any) -> int:  # noqa: N802
        count._obj.value = 1
        if sources is not None:
            assert ctypes.sizeof(kinds) == 8
            sources[0], targets[0] = 100, 200
        return self.result

    def cuGraphNodeGetType(self, node: Any, number: Any) -> int:  # noqa: N802
        number._obj.value = {100: 0, 200: 1}[node.value]
        return self.result


def test_without_bindings_a_graph_still_has_its_shape() -> None:
    driver = LibcudaDriver(FakeLibrary())  # type: ignore[arg-type]
    assert driver.version() == 13000
    nodes = read_nodes(driver, 1)
    assert [(node.kind, node.dependencies) for node in nodes] == [("kernel", ()), ("memcpy", (0,))]
    assert nodes[0].name == "kernel (cuda-bindings is not installed)"


def test_errors_of_the_library_are_raised() -> None:
    with pytest.raises(DriverError, match="cuDriverGetVersion: error 3"):
        LibcudaDriver(FakeLibrary(result=3)).version()  # type: ignore[arg-type]
    with pytest.raises(DriverError, match="the driver does not have it"):
        LibcudaDriver(object()).version()  # type: ignore[arg-type]
    with pytest.raises(DriverError, match="not installed"):
        LibcudaDriver(FakeLibrary()).symbol(Function(1, False))  # type: ignore[arg-type]
