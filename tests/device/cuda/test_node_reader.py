"""Parameters of nodes, byte for byte, as the driver keeps them."""

import ctypes
import struct
from typing import Any

import pytest

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.raw_node import RawNode

SHAPE = ((7, 2, 1), (128, 1, 4), 4096)


def read(bindings: Any, *nodes: Any) -> tuple[RawNode, ...]:
    bindings.add(1, nodes)
    return read_nodes(BindingsDriver(bindings, "13.3.1"), 1)


def data(node: RawNode) -> list[tuple[str, bytes]]:
    return [(param.name, param.data) for param in node.params]


@pytest.mark.parametrize("kind", ["function", "kernel"])
def test_separate_arguments(bindings: Any, make: Any, kind: str) -> None:
    bindings.symbols[kind, 7] = "axpy"
    bindings.layouts[kind, 7] = [(0, 8), (8, 4), (16, 24)]
    arguments = [struct.pack("<Q", 0x7F00_0000_0000), struct.pack("<i", -3), bytes(range(24))]
    handles = {"func": 7} if kind == "function" else {"kern": 7}
    (node,) = read(bindings, make.kernel(**handles, arguments=arguments, shape=SHAPE))
    assert data(node) == list(zip(("arg0", "arg1", "arg2"), arguments, strict=True))
    assert (node.grid, node.block, node.shared_bytes) == SHAPE


def test_packed_arguments_are_split_by_the_layout(bindings: Any, make: Any) -> None:
    bindings.layouts["function", 7] = [(0, 4), (8, 8), (16, 4)]
    packed = struct.pack("<ixxxxQi", 5, 0x7F00_0000_0000, 6)
    (node,) = read(bindings, make.kernel(7, packed=packed))
    assert [value for _, value in data(node)] == [
        struct.pack("<i", 5),
        struct.pack("<Q", 0x7F00_0000_0000),
        struct.pack("<i", 6),
    ]


@pytest.mark.parametrize("layout", [[], [(0, 64)]], ids=["unknown", "longer than the buffer"])
def test_packed_arguments_without_a_fitting_layout_are_one_parameter(
    bindings: Any, make: Any, layout: Any
) -> None:
    bindings.layouts["function", 7] = layout
    (node,) = read(bindings, make.kernel(7, packed=bytes(range(32))))
    assert data(node) == [("arg0", bytes(range(32)))]


def test_a_kernel_without_arguments(bindings: Any, make: Any) -> None:
    (node,) = read(bindings, make.kernel(7))
    assert node.params == ()


def test_layouts_are_asked_once_for_a_function(bindings: Any, make: Any) -> None:
    bindings.layouts["function", 7] = [(0, 4)]
    read(bindings, *[make.kernel(7, arguments=[bytes(4)]) for _ in range(5)])
    assert bindings.calls.count("function layout") == 2, "the parameter, and the end"


def test_a_kernel_whose_layout_is_refused_keeps_the_rest_and_says_why(bindings: Any, make: Any) -> None:
    bindings.symbols["function", 7] = "axpy"
    bindings.cuFuncGetParamInfo = lambda *_: (make.ILLEGAL_ADDRESS[0], 0, 0)
    (node,) = read(bindings, make.kernel(7, arguments=[bytes(8)], shape=SHAPE))
    assert (node.name, node.grid) == ("axpy (cuFuncGetParamInfo: CUDA_ERROR_ILLEGAL_ADDRESS)", SHAPE[0])
    assert node.params == ()


def test_a_kernel_whose_name_is_refused_keeps_its_arguments(bindings: Any, make: Any) -> None:
    bindings.layouts["function", 8] = [(0, 4)]
    (node,) = read(bindings, make.kernel(8, arguments=[b"abcd"]))
    assert (node.name, data(node)) == ("kernel (CUDA_ERROR_INVALID_VALUE)", [("arg0", b"abcd")])


@pytest.mark.parametrize(
    ("height", "depth", "pitch", "span"), [(1, 1, 0, 64), (3, 1, 256, 576), (3, 2, 256, 1344), (0, 0, 0, 64)]
)
def test_ends_of_a_copy(bindings: Any, make: Any, height: int, depth: int, pitch: int, span: int) -> None:
    (node,) = read(bindings, make.copy((2, 4096), (2, 8192), height=height, depth=depth, pitch=pitch))
    source, target = node.params
    assert (source.name, source.data, source.access) == ("source", struct.pack("<Q", 4096), "read")
    assert (target.name, target.data, target.access) == ("target", struct.pack("<Q", 8192), "write")
    assert source.span_bytes == target.span_bytes == span
    assert source.is_address
    assert target.is_address


def test_an_array_has_no_address(bindings: Any, make: Any) -> None:
    (node,) = read(bindings, make.copy((2, 4096), (3, 0)))
    assert not node.params[1].is_address


def test_memset(bindings: Any, make: Any) -> None:
    (node,) = read(bindings, make.memset(4, 8, 3, dst=4096, value=7, pitch=64))
    assert data(node) == [("target", struct.pack("<Q", 4096)), ("value", struct.pack("<Q", 7))]
    assert (node.size_bytes, node.params[0].span_bytes, node.params[0].access) == (96, 160, "write")


def test_alloc_and_free_name_the_same_address(bindings: Any, make: Any) -> None:
    alloc, free = read(bindings, make.alloc(512, 4096), make.free(4096))
    assert data(alloc)[0][1] == data(free)[0][1] == struct.pack("<Q", 4096)


def test_nodes_inside_a_node_have_its_place_of_creation(bindings: Any, make: Any) -> None:
    bindings.add(2, [make.Node(5), make.Node(5)])
    nodes = read(bindings, make.Node(3), make.child(2), make.Node(3))
    assert [node.created for node in nodes] == [0, 1, 1, 1, 2]


def test_separate_arguments_that_lie_in_one_buffer(bindings: Any, make: Any) -> None:
    bindings.layouts["function", 7] = [(0, 4), (8, 8), (16, 4)]
    buffer = ctypes.create_string_buffer(struct.pack("<ixxxxQi", 5, 0x7F00_0000_0000, 6), 20)
    array = (ctypes.c_uint64 * 3)(*(ctypes.addressof(buffer) + offset for offset in (0, 8, 16)))
    kernel = make.kernel(7)
    kernel.parameters.kernelParams = ctypes.addressof(array)
    (node,) = read(bindings, kernel)
    assert [value for _, value in data(node)] == [
        struct.pack("<i", 5),
        struct.pack("<Q", 0x7F00_0000_0000),
        struct.pack("<i", 6),
    ]
