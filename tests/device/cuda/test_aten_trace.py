"""What torch alone can tell of calls, held against the trace of the software GPU, which knows them all."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from imp_graphcheck.device import Device
from imp_graphcheck.device.cuda.aten_trace import AtenTrace
from imp_graphcheck.device.sim import current_gpu
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.device.traced_call import TracedCall

D = "sim"
WARNING = "called a synchronizing CUDA operation (Triggered internally at ...)"
COMPARED = {
    "cudaMemcpyAsync",
    "cudaStreamSynchronize",
    "cudaDeviceSynchronize",
    "cudaStreamQuery",
    "cudaEventQuery",
    "cudaEventSynchronize",
    "cudaEventRecord",
    "cudaStreamWaitEvent",
}


@contextmanager
def traced(device: Device) -> Iterator[tuple[list[TracedCall], list[TracedCall]]]:
    """The calls as torch tells them, and as the software GPU made them."""
    modes: list[str] = []
    names = {name: getattr(device.module, name) for name in device.module.__all__}
    module = SimpleNamespace(**names, get_sync_debug_mode=lambda: "default", set_sync_debug_mode=modes.append)
    trace = AtenTrace(D, module, device.stream_number)
    with trace.active() as told, current_gpu().trace.recording() as made:
        # The module that programs use is the device's own, so what is wrapped there must be called through ours.
        device.module.wrapped = module  # type: ignore[attr-defined]
        yield told.calls, made
    assert modes == ["warn", "default"], "the mode is set back"


def essence(calls: list[TracedCall]) -> list[tuple[Any, ...]]:
    return [
        (call.name, call.direction, call.host, call.result, line_of(call))
        for call in calls
        if call.name in COMPARED and call.direction != "d2d"
    ]


def line_of(call: TracedCall) -> int:
    site = site_of(call.stack)
    assert site is not None
    return site.line


PROGRAMS: dict[str, Callable[[Any, torch.Tensor], object]] = {
    "item": lambda m, x: x.sum().item(),
    "nonzero": lambda m, x: x.nonzero(),
    "mask": lambda m, x: x[x > 0],
    "truth": lambda m, x: bool(x.sum() > 0),
    "download": lambda m, x: x.cpu(),
    "upload": lambda m, x: x.copy_(torch.ones(8)),
    "upload aside": lambda m, x: x.copy_(torch.ones(8), non_blocking=True),
    "pinned upload": lambda m, x: x.copy_(torch.ones(8).pin_memory(), non_blocking=True),
    "stream": lambda m, x: m.current_stream().synchronize(),
    "ask a stream": lambda m, x: m.current_stream().query(),
    "device": lambda m, x: m.wrapped.synchronize(),
    "fork": lambda m, x: m.Stream().wait_stream(m.current_stream()),
    "event": lambda m, x: m.current_stream().record_event().synchronize(),
    "plain arithmetic": lambda m, x: (x * 2 + 1).sum(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_tells_what_the_device_knows(name: str, device: Device) -> None:
    x = torch.ones(8, device=D)
    with traced(device) as (told, made):
        PROGRAMS[name](device.module, x)
    # The software GPU counts a mask twice: once for the shape of the result, once for its kernel.
    assert list(dict.fromkeys(essence(told))) == list(dict.fromkeys(essence(made)))


def test_a_refused_wait_has_its_error(device: Device) -> None:
    x, graph = torch.ones(8, device=D), device.module.CUDAGraph()
    with traced(device) as (told, made), pytest.raises(RuntimeError), device.module.graph(graph):
        x.sum().item()
    failed = [(call.name, call.result, call.capturing) for call in told if call.result]
    assert failed == [("cudaStreamSynchronize", 900, True)]
    assert next(call.name for call in made if call.result) == "cudaStreamSynchronize"


def test_what_torch_itself_refuses_is_no_call(device: Device) -> None:
    x, graph = torch.ones(8, device=D), device.module.CUDAGraph()
    with traced(device) as (told, _), pytest.raises(RuntimeError), device.module.graph(graph):
        x.copy_(torch.zeros(8))
    assert [call for call in told if call.direction == "h2d"] == []


def test_a_wait_that_only_a_warning_tells_of(device: Device) -> None:
    with traced(device) as (told, _):
        warnings.warn(WARNING, UserWarning, stacklevel=1)
        line = sys._getframe().f_lineno - 1
    assert [(call.name, call.detail, line_of(call)) for call in told] == [
        ("cudaStreamSynchronize", "torch warns of it", line)
    ]


def test_a_warning_that_comes_after_the_operator_tells_of_the_same_wait(device: Device) -> None:
    """Torch keeps a warning until the call of Python has ended, so it comes from the instruction of the operator."""
    x = torch.ones(1, device=D)
    warn = partial(warnings.warn, WARNING, UserWarning)
    with traced(device) as (told, _):
        for step in (partial(torch.Tensor.item, x), warn, warn):
            step()
    waits = [call.detail for call in told if call.name == "cudaStreamSynchronize"]
    assert waits == ["aten._local_scalar_dense.default", "torch warns of it"], "one warning is one wait"


def test_other_warnings_are_shown(device: Device, recwarn: pytest.WarningsRecorder) -> None:
    with traced(device) as (told, _):
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert told == []


def test_classes_are_as_before(device: Device) -> None:
    before = {name: vars(device.module.Stream)[name] for name in ("query", "synchronize")}

    def fail() -> None:
        with traced(device):
            assert vars(device.module.Stream)["query"] is not before["query"]
            raise KeyError("the program's")

    with pytest.raises(KeyError):
        fail()
    assert {name: vars(device.module.Stream)[name] for name in before} == before
