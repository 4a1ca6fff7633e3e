"""A recorded graph as nodes with parameters, in the form that a driver gives them: bytes, with addresses among them.

A tensor argument is a struct by value (address, sizes, strides), as torch passes it to its kernels; a number is its
eight bytes. Which allocation held an address is looked up when the node is recorded, since afterwards the memory of an
intermediate belongs to the next one.
"""

import struct
from collections.abc import Sequence
from typing import Any

import torch

from imp_graphcheck.device.launch_sites import LaunchSites
from imp_graphcheck.device.op_trace import Launch as OpLaunch
from imp_graphcheck.device.op_trace import launch_of_node
from imp_graphcheck.device.sim.capture import GraphNode
from imp_graphcheck.device.sim.owners import Owner
from imp_graphcheck.device.sim.work import Copy, Launch, Operand
from imp_graphcheck.record.graph import Access, Node, Param, Pointer
from imp_graphcheck.record.site import Site

THREADS = 128
ELEMENTS_PER_BLOCK = 4 * THREADS

_OVERWRITES = frozenset({"aten::fill_", "aten::copy_", "aten::normal_", "aten::uniform_", "aten::zero_"})
"""In-place operators that do not look at what they replace."""


def read_nodes(
    nodes: Sequence[GraphNode], launches: Sequence[OpLaunch]
) -> tuple[tuple[Node, ...], tuple[Site, ...]]:
    """The nodes, and the launching lines that they name by index."""
    lines = LaunchSites()
    operators = launch_of_node(launches)
    read = tuple(
        _node(
            node, lines.index(node.work.stack), operators[node.index].op if node.index in operators else None
        )
        for node in nodes
    )
    return read, lines.sites


def _node(node: GraphNode, launch: int | None, op: str | None) -> Node:
    work = node.work
    if isinstance(work, Launch):
        grid = (max(1, -(-_elements(work) // ELEMENTS_PER_BLOCK)), 1, 1)
        return Node(
            index=node.index,
            kind="kernel",
            name=work.name,
            dependencies=node.dependencies,
            grid=grid,
            block=(THREADS, 1, 1),
            shared_bytes=0,
            op=op or work.name,
            params=_kernel_params(work, node.owners),
            launch=launch,
        )
    if isinstance(work, Copy):
        return Node(
            index=node.index,
            kind="memcpy",
            name=work.name,
            dependencies=node.dependencies,
            direction=work.direction,
            size_bytes=work.size_bytes,
            op=op,
            params=(
                _address_param("source", work.source, work.size_bytes, "read", node.owners[0]),
                _address_param("target", work.target, work.size_bytes, "write", node.owners[1]),
            ),
            launch=launch,
        )
    return Node(
        index=node.index,
        kind="memset",
        name=work.name,
        dependencies=node.dependencies,
        size_bytes=work.size_bytes,
        op=op,
        params=(
            _address_param("target", work.target, work.size_bytes, "write", node.owners[0]),
            Param(name="value", data=struct.pack("<q", work.value).hex()),
        ),
        launch=launch,
    )


def _elements(launch: Launch) -> int:
    # A reduction's grid follows its input, everything else's its output: the larger of the two.
    return max(
        (torch.Size(operand.shape).numel() for operand in (*launch.operands, *launch.results)), default=1
    )


def _kernel_params(launch: Launch, owners: tuple[Owner | None, ...]) -> tuple[Param, ...]:
    tensors = [
        _tensor_param(operand, _access(launch, operand), owner)
        for operand, owner in zip(launch.touched(), owners, strict=True)
        if operand.span_bytes
    ]
    parameters = launch.op._schema.arguments
    values = [
        *zip((parameter.name for parameter in parameters), launch.args, strict=False),
        *launch.kwargs.items(),
    ]
    scalars = [Param(name=name, data=data.hex()) for name, value in values if (data := _scalar_bytes(value))]
    return (*tensors, *scalars)


def _access(launch: Launch, operand: Operand) -> Access:
    if not operand.written:
        return "read"
    if operand.name.startswith("out") or operand in launch.results or operand is launch.workspace:
        return "write"
    return "write" if launch.op._schema.name in _OVERWRITES else "readwrite"


def _tensor_param(operand: Operand, access: Access, owner: Owner | None) -> Param:
    words = (operand.address, *operand.shape, *operand.strides)
    return Param(
        name=operand.name,
        data=struct.pack(f"<{len(words)}q", *words).hex(),
        pointers=(_pointer(operand.address, operand.span_bytes, access, owner),),
    )


def _address_param(name: str, address: int, size_bytes: int, access: Access, owner: Owner | None) -> Param:
    pointer = _pointer(address, size_bytes, access, owner)
    return Param(name=name, data=struct.pack("<q", address).hex(), pointers=(pointer,))


def _pointer(address: int, span_bytes: int, access: Access, owner: Owner | None) -> Pointer:
    return Pointer(
        offset=0,
        address=address,
        generation=None if owner is None else owner.generation,
        displacement=0 if owner is None else address - owner.address,
        span_bytes=span_bytes,
        access=access,
        confirmed=True,  # the software GPU knows which of its arguments are tensors
    )


def _scalar_bytes(value: Any) -> bytes:
    """The bytes of an argument that is no tensor; none for what a kernel is not given."""
    if isinstance(value, bool | int):
        return struct.pack("<q", int(value))
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, complex):
        return struct.pack("<dd", value.real, value.imag)
    if isinstance(value, torch.Tensor):  # a number on the host, read when the call was made
        return bytes(value.reshape(1).view(torch.uint8).tolist())
    if isinstance(value, list | tuple):
        return b"".join(_scalar_bytes(item) for item in value)
    if isinstance(value, str | torch.dtype):
        return str(value).encode()
    return b""
