"""How a call of an operator becomes a kernel launch."""

from typing import Any

import torch

from imp_graphcheck.apis.torch_manners import TORCH_COPIES
from imp_graphcheck.device.sim import copies
from imp_graphcheck.device.sim.arguments import Arguments
from imp_graphcheck.device.sim.execute import fill, tensors_in, view
from imp_graphcheck.device.sim.facts import Facts, facts_of
from imp_graphcheck.device.sim.gpu import Gpu, current_gpu
from imp_graphcheck.device.sim.shapes import Layout, NoMetaKernelError, layout_of, result_layouts
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.tensors import empty_strided, operand_of
from imp_graphcheck.device.sim.work import Launch
from imp_graphcheck.device.stack import take_stack


def launch(
    op: torch._ops.OpOverload,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    asks_host: bool | None = None,
) -> Any:
    """Queue `op` on the current stream, or have the host run it where its answer depends on the data.

    `asks_host` overrides what the schema says of that.
    """
    gpu, stream, facts = current_gpu(), current_stream().stream_id, facts_of(op)
    gpu.require_alive()
    given = Arguments(facts, args, kwargs)
    if given.promoted and facts.refuses_numbers:
        # torch hands a number that took part in type promotion to a Python kernel as a number again.
        if facts.scalar_twin is not None:
            return launch(facts.scalar_twin, args, kwargs)
        given.promote()
    if facts.answers_host if asks_host is None else asks_host:
        return _run_with_host(op, given, gpu, stream)
    if facts.takes_generator:
        _check_generator(given, gpu, stream)
    stack = take_stack(2)
    workspace = gpu.handles.prepare(facts.library, gpu, stream) if facts.library is not None else None
    written, results = given.written, []
    if not written:
        results = [
            empty_strided(shape, strides, dtype, stack)
            for dtype, shape, strides in _layouts(op, given, gpu, stream)
        ]
    elif facts.takes_out:
        _resize_outputs(op, given, written)
    if written and not any(operand.span_bytes for operand in given.operands if operand.written):
        return _returned(facts, written)  # a GPU launches nothing for tensors without elements
    work = Launch(
        op,
        given.args,
        _on_host(given.kwargs, gpu),
        tuple(given.operands),
        tuple([operand_of(tensor, "result", True) for tensor in results]),
        stack,
        workspace,
    )
    enqueue(work, gpu, stream)
    return _returned(facts, written or results)


def enqueue(work: Launch, gpu: Gpu, stream: int) -> None:
    """Queue a kernel."""
    gpu.load_library(TORCH_COPIES)
    if not gpu.trace.is_recording:
        gpu.enqueue(stream, work)
        return
    capturing = gpu.capture_of(stream) is not None
    with gpu.trace.calling(
        "cudaLaunchKernel", stream=stream, capturing=capturing, detail=work.name, stack=work.stack
    ):
        gpu.enqueue(stream, work)


def _run_with_host(op: torch._ops.OpOverload, given: Arguments, gpu: Gpu, stream: int) -> Any:
    """The host waits for the device, looks at the data and decides what comes back (item, nonzero, masks, equal)."""
    copies.note_readback(gpu, stream, str(op))
    gpu.synchronize_stream(stream)
    with torch.inference_mode():
        result = _call(op, given, _host_views(given, gpu), gpu)
    written = given.written
    if written:
        for target, value in zip(written, tensors_in(result), strict=True):
            target.resize_(value.shape).copy_(value)
        return _returned(facts_of(op), written)
    if isinstance(result, torch.Tensor):
        return copies.to_device_now(result, gpu)
    if isinstance(result, list | tuple) and result and isinstance(result[0], torch.Tensor):
        return type(result)(copies.to_device_now(tensor, gpu) for tensor in result)
    return result


def _layouts(op: torch._ops.OpOverload, given: Arguments, gpu: Gpu, stream: int) -> tuple[Layout, ...]:
    try:
        return result_layouts(op, given.args, given.kwargs, given.operands)
    except NoMetaKernelError:
        # The shapes come from a run whose values are thrown away: on the memory as it is, or, in a capture, where
        # that need not hold anything sensible yet, on zeros.
        with torch.inference_mode():
            if gpu.capture_of(stream) is None:
                inputs = _host_views(given, gpu)
            else:
                inputs = [torch.zeros(operand.shape, dtype=operand.dtype) for operand in given.operands]
            return tuple(layout_of(tensor) for tensor in tensors_in(_call(op, given, inputs, gpu)))


def _call(op: torch._ops.OpOverload, given: Arguments, tensors: list[torch.Tensor], gpu: Gpu) -> Any:
    """Run `op` here and now on `tensors` of the host."""
    return op(*fill(given.args, tensors), **fill(_on_host(given.kwargs, gpu), tensors))


def _resize_outputs(op: torch._ops.OpOverload, given: Arguments, written: list[torch.Tensor]) -> None:
    """An out= tensor takes the shape of the result, as everywhere in torch."""
    layouts = result_layouts(op, given.args, given.kwargs, given.operands)
    for tensor, (_, shape, _) in zip(written, layouts, strict=True):
        if tensor.shape != shape:
            tensor.resize_(shape)
            given.describe_again(tensor)


def _returned(facts: Facts, results: list[torch.Tensor]) -> Any:
    """What the call returns: new tensors, or the arguments it wrote, in the schema's order."""
    if facts.returns == 0:
        return None
    if facts.returns == 1:
        return results if facts.returns_list else results[0]
    return tuple(results[: facts.returns])


def _on_host(kwargs: dict[str, Any], gpu: Gpu) -> dict[str, Any]:
    """Keyword arguments as the CPU kernel needs them: its device, and our generator for the default one."""
    changed = {
        name: torch.device("cpu") if isinstance(value, torch.device) else value
        for name, value in kwargs.items()
    }
    if "generator" in changed and changed["generator"] is None:
        changed["generator"] = gpu.generator
    return changed


def _host_views(given: Arguments, gpu: Gpu) -> list[torch.Tensor]:
    return [view(operand, gpu.arena) for operand in given.operands]


def _check_generator(given: Arguments, gpu: Gpu, stream: int) -> None:
    generator = given.kwargs.setdefault("generator", None)
    capture = gpu.capture_of(stream)
    # torch hands over another Python object than the caller's; the C++ generator behind both is the same.
    if generator is not None and capture is not None and generator._cdata not in capture.generators:
        raise RuntimeError("Attempt to increase offset for a CUDA generator not in capture mode.")
