"""Copies between host and device, with the rules that decide who waits for whom.

A copy from pageable memory stages the bytes before the call returns and is refused in a capture. A copy from pinned
memory with `non_blocking` reads the host memory when its turn comes, so a later write by the host may be what arrives.
Every blocking copy ends in a wait for the stream, which a capture refuses.
"""

import torch

from imp_graphcheck.apis.torch_manners import TORCH_COPIES
from imp_graphcheck.device.host_content import host_content
from imp_graphcheck.device.sim.gpu import Gpu, current_gpu
from imp_graphcheck.device.sim.host_memory import HostBlock
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.tensors import empty_strided, operand_of
from imp_graphcheck.device.sim.trace import Calling
from imp_graphcheck.device.sim.work import Copy, Launch, slot
from imp_graphcheck.device.stack import take_stack
from imp_graphcheck.device.traced_call import Direction, HostMemory

_PAGEABLE_IN_CAPTURE = (
    "Cannot copy between CPU and CUDA tensors during CUDA graph capture unless the CPU tensor is pinned. "
    "Please use tensor.pin_memory() or allocate the tensor with pin_memory=True."
)


def copy(source: torch.Tensor, target: torch.Tensor, non_blocking: bool) -> torch.Tensor:
    """`target.copy_(source, non_blocking)`, at least one of them on the device. Returns `target`."""
    if target.numel():
        _copy(*_plain(source, target), non_blocking)
    return target


def _plain(source: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same copy between tensors whose bytes say what they hold: lazily conjugated or negated ones do not."""
    if source.is_conj():
        source = source.conj().conj_physical()
    if source.is_neg():
        source = torch._neg_view(source).neg()
    if target.is_conj():
        source, target = source.conj_physical(), target.conj()
    if target.is_neg():
        source, target = source.neg(), torch._neg_view(target)
    return source, target


def _copy(source: torch.Tensor, target: torch.Tensor, non_blocking: bool) -> torch.Tensor:
    source = source.expand(target.shape) if source.shape != target.shape else source
    if source.device.type == target.device.type:
        return _on_device(source, target)
    if source.device.type == "cpu":
        return _to_device(source, target, non_blocking)
    return _to_host(source, target, non_blocking)


def device_to_device(target: int, source: int, size_bytes: int) -> None:
    """Copy bytes within the device on the current stream."""
    gpu, stream = current_gpu(), current_stream().stream_id
    with _copying(gpu, stream, "d2d", size_bytes):
        gpu.enqueue(stream, Copy("d2d", source, target, size_bytes, take_stack(2)))


def note_readback(gpu: Gpu, stream: int, reason: str) -> None:
    """A result is about to be read by the host, through pinned memory as torch does."""
    gpu.trace.add(
        "cudaMemcpyAsync",
        stream=stream,
        direction="d2h",
        host="pinned",
        capturing=gpu.capture_of(stream) is not None,
        caller=TORCH_COPIES,
        detail=reason,
    )


def to_device_now(result: torch.Tensor, gpu: Gpu) -> torch.Tensor:
    """A tensor on the device with the content of `result`, whose shape only the data decided."""
    target = empty_strided(result.shape, result.stride(), result.dtype, take_stack(2))
    if result.numel():
        view = gpu.arena.view(target.data_ptr(), result.dtype, tuple(result.shape), tuple(result.stride()))
        with torch.inference_mode():
            view.copy_(result)
    return target


def _on_device(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if source.dtype == target.dtype and source.is_contiguous() and target.is_contiguous():
        if source.data_ptr() != target.data_ptr():
            size = source.numel() * source.element_size()
            device_to_device(target.data_ptr(), source.data_ptr(), size)
        return target
    gpu, stream = current_gpu(), current_stream().stream_id
    operands = (operand_of(target, "self", True), operand_of(source, "src", False))
    work = Launch(torch.ops.aten.copy_.default, (slot(0), slot(1)), {}, operands, (), take_stack(2))
    capturing = gpu.capture_of(stream) is not None
    with gpu.trace.calling("cudaLaunchKernel", stream=stream, capturing=capturing, detail=work.name):
        gpu.enqueue(stream, work)
    return target


def _to_device(source: torch.Tensor, target: torch.Tensor, non_blocking: bool) -> torch.Tensor:
    if source.dtype != target.dtype or not source.is_contiguous():
        # torch makes a contiguous host copy of the right dtype first; that copy is pageable.
        source = source.to(target.dtype).contiguous()
    if not target.is_contiguous():
        through = torch.empty_like(target, memory_format=torch.contiguous_format)
        return target.copy_(_to_device(source, through, non_blocking))
    gpu, stream = current_gpu(), current_stream().stream_id
    size = source.numel() * source.element_size()
    block = gpu.pinned.block_at(source.data_ptr())
    _refuse_pageable(gpu, stream, block)
    work = Copy("h2d", source.data_ptr(), target.data_ptr(), size, take_stack(2), _kind(block))
    if block is None:
        work.staged = _as_bytes(source).clone()
    else:
        _keep_until_run(gpu, stream, work, block)
    with _copying(gpu, stream, "h2d", size, _kind(block), source.data_ptr()):
        gpu.enqueue(stream, work)
    if not non_blocking:
        gpu.synchronize_stream(stream)
    return target


def _to_host(source: torch.Tensor, target: torch.Tensor, non_blocking: bool) -> torch.Tensor:
    if source.dtype != target.dtype or not source.is_contiguous():
        source = source.to(target.dtype).contiguous()  # on the device
    if not target.is_contiguous():
        through = torch.empty(target.shape, dtype=target.dtype)
        return target.copy_(_to_host(source, through, non_blocking))
    gpu, stream = current_gpu(), current_stream().stream_id
    size = source.numel() * source.element_size()
    block = gpu.pinned.block_at(target.data_ptr())
    _refuse_pageable(gpu, stream, block)
    if block is not None:
        work = Copy("d2h", source.data_ptr(), target.data_ptr(), size, take_stack(2), "pinned")
        _keep_until_run(gpu, stream, work, block)
        with _copying(gpu, stream, "d2h", size, "pinned", target.data_ptr()):
            gpu.enqueue(stream, work)
        if not non_blocking:
            gpu.synchronize_stream(stream)
        return target
    # Pageable: the driver stages through its own buffer and returns when the bytes are there.
    with _copying(gpu, stream, "d2h", size, "pageable", target.data_ptr()):
        gpu.require_alive()
    gpu.synchronize_stream(stream)
    with torch.inference_mode():
        _as_bytes(target).copy_(gpu.arena.view(source.data_ptr(), torch.uint8, (size,), (1,)))
    return target


def _keep_until_run(gpu: Gpu, stream: int, work: Copy, block: HostBlock) -> None:
    if gpu.capture_of(stream) is None:
        block.pending += 1
        work.on_done = lambda: gpu.memory.copy_done(block)


def _refuse_pageable(gpu: Gpu, stream: int, block: HostBlock | None) -> None:
    if block is None and gpu.capture_of(stream) is not None:
        gpu.require_alive()
        raise RuntimeError(_PAGEABLE_IN_CAPTURE)


def _copying(
    gpu: Gpu,
    stream: int,
    direction: Direction,
    size_bytes: int,
    host: HostMemory | None = None,
    host_address: int | None = None,
) -> Calling:
    """The call that a copy is. What an upload reads is looked at when the call is made, as its source may change later."""
    listened = gpu.trace.is_recording and direction == "h2d" and host_address is not None
    return gpu.trace.calling(
        "cudaMemcpyAsync",
        stream=stream,
        size_bytes=size_bytes,
        direction=direction,
        host=host,
        host_address=host_address,
        content=host_content(host_address, size_bytes) if listened and host_address is not None else None,
        capturing=gpu.capture_of(stream) is not None,
        caller=TORCH_COPIES,
        skip=3,
    )


def _kind(block: HostBlock | None) -> HostMemory:
    return "pageable" if block is None else "pinned"


def _as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    # A contiguous tensor with an extent of 1 may carry any stride there, which `view` would refuse.
    return tensor.detach().as_strided((tensor.numel(),), (1,)).view(torch.uint8)
