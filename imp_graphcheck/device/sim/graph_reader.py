"""A recorded graph as nodes with parameters, in the form that a driver gives them: bytes, with addresses among them.

A tensor argument is a struct by value (address, sizes, strides), as torch passes it to its kernels; a number is its
eight bytes. Which allocation held an address is looked up when the node is recorded, since afterwards the memory of an
intermediate belongs to the next one.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import torch

from imp_graphcheck.device.launch_sites import LaunchSites
from imp_graphcheck.device.op_trace import Launch as OpLaunch
from imp_graphcheck.device.op_trace import launch_of_node
from imp_graphcheck.device.sim.capture import GraphNode
from imp_graphcheck.device.sim.owners import Owner
from imp_graphcheck.device.sim.work import Copy, Launch, Operand, Slot
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
    operators = {index: launch.op for index, launch in launch_of_node(launches).items()}
    read = tuple([_node(node, lines.index(node.work.stack), operators.get(node.index)) for node in nodes])
    return read, lines.sites


def _node(node: GraphNode, launch: int | None, op: str | None) -> Node:
    work = node.work
    if isinstance(work, Launch):
        operator = _operator(work.op)
        return Node(
            index=node.index,
            kind="kernel",
            name=operator.name,
            dependencies=node.dependencies,
            grid=(max(1, -(-_elements(work) // ELEMENTS_PER_BLOCK)), 1, 1),
            block=(THREADS, 1, 1),
            shared_bytes=0,
            op=op or operator.name,
            params=_kernel_params(work, operator, node.owners),
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
    return max([prod(operand.shape) for operand in (*launch.operands, *launch.results)], default=1)


@dataclass(frozen=True, slots=True)
class _Operator:
    """What is the same for all launches of an operator."""

    name: str
    parameters: tuple[str, ...]
    overwrites: bool


@cache
def _operator(op: torch._ops.OpOverload) -> _Operator:
    schema = op._schema
    parameters = tuple(parameter.name for parameter in schema.arguments)
    return _Operator(str(op), parameters, schema.name in _OVERWRITES)


def _kernel_params(
    launch: Launch, operator: _Operator, owners: tuple[Owner | None, ...]
) -> tuple[Param, ...]:
    params = [
        _tensor_param(operand, _access(launch, operator, operand), owner)
        for operand, owner in zip(launch.touched(), owners, strict=True)
        if operand.span_bytes
    ]
    values = [*zip(operator.parameters, launch.args, strict=False), *launch.kwargs.items()]
    for name, value in values:
        data = b"" if type(value) is Slot else _scalar_bytes(value)
        if data:
            params.append(Param(name=name, data=data.hex()))
    return tuple(params)


def _access(launch: Launch, operator: _Operator, operand: Operand) -> Access:
    if not operand.written:
        return "read"
    if operand.name.startswith("out") or operand in launch.results or operand is launch.workspace:
        return "write"
    return "write" if operator.overwrites else "readwrite"


def _tensor_param(operand: Operand, access: Access, owner: Owner | None) -> Param:
    words = (operand.address, *operand.shape, *operand.strides)
    return Param(
        name=operand.name,
        data=_words(len(words)).pack(*words).hex(),
        pointers=(_pointer(operand.address, operand.span_bytes, access, owner),),
    )


@cache
def _words(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}q")


def _address_param(name: str, address: int, size_bytes: int, access: Access, owner: Owner | None) -> Param:
    pointer = _pointer(address, size_bytes, access, owner)
    return Param(name=name, data=_words(1).pack(address).hex(), pointers=(pointer,))


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
    if isinstance(value, int):
        return struct.pack("<q", value)
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
