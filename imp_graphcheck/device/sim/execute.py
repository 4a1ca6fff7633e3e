"""Running work by address: the only place where a simulated kernel touches memory.

All of it happens in inference mode, whatever the program is in: our views of memory are nobody's to differentiate.
"""

from typing import Any

import torch

from imp_graphcheck.device.sim.arena import Arena
from imp_graphcheck.device.sim.errors import DEVICE_ASSERT, ILLEGAL_ADDRESS, RuntimeCode
from imp_graphcheck.device.sim.host_memory import PinnedMemory
from imp_graphcheck.device.sim.work import Copy, Launch, Memset, NodeWork, Operand, Slot


class AccessError(Exception):
    """The device stopped: an access to unmapped memory, or an assertion inside a kernel."""

    def __init__(self, code: RuntimeCode, argument: str | None, address: int | None, reason: str) -> None:
        super().__init__(reason)
        self.code, self.argument, self.address, self.reason = code, argument, address, reason


def execute(work: NodeWork, device: Arena, host: PinnedMemory) -> None:
    """Run one piece of work on the memory as it is now. Raises AccessError."""
    with torch.inference_mode():
        if isinstance(work, Launch):
            _launch(work, device)
        elif isinstance(work, Copy):
            _copy(work, device, host)
        else:
            _memset(work, device)


def _launch(launch: Launch, device: Arena) -> None:
    for operand in launch.touched():
        if operand.span_bytes and not device.is_mapped(operand.address, operand.span_bytes):
            raise AccessError(ILLEGAL_ADDRESS, operand.name, operand.address, _access(operand))
    tensors = [view(operand, device) for operand in launch.operands]
    args, kwargs = fill(launch.args, tensors), fill(launch.kwargs, tensors)
    try:
        result = launch.op(*args, **kwargs)
    except NotImplementedError:
        raise
    except (IndexError, RuntimeError) as error:
        # Shapes and dtypes were checked when the launch was queued: what fails now depends on device data, such
        # as an index out of range, and on a GPU that is an assertion inside the kernel.
        raise AccessError(DEVICE_ASSERT, None, None, str(error)) from error
    if launch.results:
        returned = [result] if isinstance(result, torch.Tensor) else tensors_in(result)
        for operand, value in zip(launch.results, returned, strict=True):
            if value.numel():
                view(operand, device).copy_(value)
    if launch.workspace is not None:
        _scribble(launch, device)


def _scribble(launch: Launch, device: Arena) -> None:
    # A split-K product leaves partial sums in its workspace. Whoever else believes to own those bytes must notice.
    assert launch.workspace is not None
    written = [operand for operand in (*launch.operands, *launch.results) if operand.written]
    if not written or not written[0].span_bytes:
        return
    size = min(launch.workspace.span_bytes, written[0].span_bytes)
    partial = device.view(written[0].address, torch.uint8, (size,), (1,))
    device.view(launch.workspace.address, torch.uint8, (size,), (1,)).copy_(partial)


def _copy(copy: Copy, device: Arena, host: PinnedMemory) -> None:
    for argument, address, on_device in (
        ("source", copy.source, copy.direction != "h2d"),
        ("target", copy.target, copy.direction != "d2h"),
    ):
        if on_device and not device.is_mapped(address, copy.size_bytes):
            raise AccessError(ILLEGAL_ADDRESS, argument, address, f"{copy.name}: {argument} is not mapped")
    shape, strides = (copy.size_bytes,), (1,)
    if copy.staged is not None:
        source = copy.staged
    else:
        source = (host.arena if copy.direction == "h2d" else device).view(
            copy.source, torch.uint8, shape, strides
        )
    target = (host.arena if copy.direction == "d2h" else device).view(
        copy.target, torch.uint8, shape, strides
    )
    target.copy_(source)


def _memset(memset: Memset, device: Arena) -> None:
    if not device.is_mapped(memset.target, memset.size_bytes):
        raise AccessError(ILLEGAL_ADDRESS, "target", memset.target, "memset: target is not mapped")
    device.view(memset.target, torch.uint8, (memset.size_bytes,), (1,)).fill_(memset.value)


def view(operand: Operand, device: Arena) -> torch.Tensor:
    """A CPU tensor over the operand's memory."""
    if not operand.span_bytes:
        return torch.empty_strided(operand.shape, operand.strides, dtype=operand.dtype)
    return device.view(operand.address, operand.dtype, operand.shape, operand.strides)


def fill(template: Any, tensors: list[torch.Tensor]) -> Any:
    """`template` with every `Slot` replaced by the tensor of that number."""
    if isinstance(template, Slot):
        return tensors[template.index]
    if isinstance(template, list):
        return [fill(item, tensors) for item in template]
    if isinstance(template, tuple):
        return tuple(fill(item, tensors) for item in template)
    if isinstance(template, dict):
        return {name: fill(item, tensors) for name, item in template.items()}
    return template


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors of an operator's result, flattened, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


def _access(operand: Operand) -> str:
    verb = "writes" if operand.written else "reads"
    return f"{verb} {operand.span_bytes} bytes at {operand.address:#x}, which is not mapped"
