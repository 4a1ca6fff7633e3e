"""Every call of the runtime that the software GPU stands for is in the trace, with the line that made it."""

import sys
import threading
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.stack import site_of

D = "sim"


def test_the_calls_of_a_small_program(gpu: sim.Gpu, module: Any) -> None:
    with gpu.trace.recording() as calls:
        host = torch.ones(8).pin_memory()
        x = host.to(D, non_blocking=True)
        y = torch.zeros(8, device=D)
        y.add_(x)
        first = sys._getframe().f_lineno - 3
        y.sum().item()
        event = module.Event()
        event.record()
        event.synchronize()
        module.current_stream().synchronize()
        graph = module.CUDAGraph()
        with module.graph(graph, stream=module.Stream()):
            y.mul_(2)
        graph.replay()
        module.synchronize()
    assert [(call.name, call.detail) for call in calls] == [
        ("cudaHostAlloc", ""),
        ("cudaMalloc", ""),
        ("cudaMemcpyAsync", ""),
        ("cudaMemsetAsync", ""),
        ("cuLibraryLoadData", "libtorch_cuda.so"),
        ("cudaLaunchKernel", "aten.add.out"),
        ("cudaLaunchKernel", "aten.sum.IntList_out"),
        ("cudaMemcpyAsync", "aten._local_scalar_dense.default"),
        ("cudaStreamSynchronize", ""),
        ("cudaEventCreateWithFlags", ""),
        ("cudaEventRecord", ""),
        ("cudaEventSynchronize", ""),
        ("cudaStreamSynchronize", ""),
        ("cudaStreamCreateWithPriority", ""),
        ("cudaDeviceSynchronize", ""),
        ("cudaDeviceSynchronize", ""),
        ("cudaStreamBeginCapture", "global"),
        ("cudaLaunchKernel", "aten.mul.out"),
        ("cudaStreamEndCapture", ""),
        ("cudaGraphInstantiate", ""),
        ("cudaGraphLaunch", ""),
        ("cudaDeviceSynchronize", ""),
    ]
    assert [call.capturing for call in calls] == [call.detail == "aten.mul.out" for call in calls]
    assert all(call.result == 0 for call in calls)
    copy = calls[2]
    assert (copy.direction, copy.host, copy.size_bytes) == ("h2d", "pinned", 32)
    assert copy.content is not None
    lines = [site.line for call in calls[1:6] if (site := site_of(call.stack))]
    assert lines == [first, first, first + 1, first + 2, first + 2]
    sites = [site_of(call.stack) for call in calls]
    assert {site.file for site in sites if site} == {__file__}


def test_a_refused_call_shows_its_error(gpu: sim.Gpu, module: Any) -> None:
    x = torch.ones(4, device=D)
    with gpu.trace.recording() as calls, pytest.raises(RuntimeError), module.graph(module.CUDAGraph()):
        x.sum().item()
    failed = [(call.name, call.result) for call in calls if call.result]
    assert failed == [("cudaStreamSynchronize", 900), ("cudaStreamEndCapture", 901)]


def refused(call: Any, module: Any, gpu: sim.Gpu) -> list[tuple[str, int]]:
    """The calls that fail while `call` is made inside a capture, but for its end."""
    graph = module.CUDAGraph()

    def captured() -> None:
        graph.capture_begin()
        try:
            call()
        finally:
            graph.capture_end()

    with gpu.trace.recording() as calls, module.stream(module.Stream()), pytest.raises(RuntimeError):
        captured()
    return [(each.name, each.result) for each in calls if each.result and each.name != "cudaStreamEndCapture"]


def test_every_refused_call_is_there_with_its_error(gpu: sim.Gpu, module: Any) -> None:
    x, other, outside = torch.ones(4, 4, device=D), module.Stream(), module.Event()
    outside.record(other)
    ready = module.CUDAGraph()
    with module.graph(ready):
        x * 2

    def launch_after_a_refusal() -> None:
        with pytest.raises(RuntimeError):
            module.synchronize()
        x.add_(1)

    def clear_after_a_refusal() -> None:
        with pytest.raises(RuntimeError):
            outside.query()
        x.zero_()

    cases = {
        "cudaDeviceSynchronize": (module.synchronize, [900]),
        "cudaStreamSynchronize": (lambda: module.current_stream().synchronize(), [900]),
        "cudaStreamQuery": (other.query, [900]),
        "cudaEventQuery": (outside.query, [900]),
        "cudaEventSynchronize": (lambda: module.current_stream().record_event().synchronize(), [907]),
        "cudaStreamWaitEvent": (lambda: module.current_stream().wait_event(outside), [905]),
        "cudaGraphLaunch": (ready.replay, [900]),
        "cublasCreate": (lambda: x @ x, [1]),
    }
    for name, (call, results) in cases.items():
        assert refused(call, module, gpu) == [(name, result) for result in results], name
    assert refused(launch_after_a_refusal, module, gpu) == [
        ("cudaDeviceSynchronize", 900),
        ("cudaLaunchKernel", 901),
    ]
    assert refused(clear_after_a_refusal, module, gpu) == [("cudaEventQuery", 900), ("cudaMemsetAsync", 901)]


def test_an_allocation_beside_a_capture_is_refused_with_its_thread(gpu: sim.Gpu, module: Any) -> None:
    def allocate() -> None:
        with pytest.raises(RuntimeError):
            torch.empty(64 << 20, dtype=torch.uint8, device=D)

    def beside() -> None:
        thread = threading.Thread(target=allocate, name="loader")
        thread.start()
        thread.join()

    with gpu.trace.recording() as calls:
        assert refused(beside, module, gpu) == [("cudaMalloc", 900)]
    assert [call.thread for call in calls if call.name == "cudaMalloc"] == ["loader"]


def test_a_question_that_is_answered_with_no_is_no_error(gpu: sim.Gpu, module: Any) -> None:
    stream, event = module.Stream(), module.Event()
    with module.stream(stream):
        module._sleep(1)
        event.record()
    with gpu.trace.recording() as calls:
        assert not event.query()
        event.synchronize()
        assert event.query()
    assert [call.error for call in calls] == ["cudaErrorNotReady", "", ""]
    assert [(call.name, call.result) for call in calls] == [
        ("cudaEventQuery", 600),
        ("cudaEventSynchronize", 0),
        ("cudaEventQuery", 0),
    ]
    assert {call.stream for call in calls} == {stream.stream_id}


def test_the_fingerprint_of_an_upload_follows_its_content(gpu: sim.Gpu) -> None:
    host, target = torch.zeros(1 << 20).pin_memory(), torch.zeros(1 << 20, device=D)
    with gpu.trace.recording() as calls:
        for value in (1.0, 1.0, 2.0):
            host.fill_(value)
            target.copy_(host, non_blocking=True)
    first, second, third = [call.content for call in calls if call.direction == "h2d"]
    assert first == second != third
    assert {call.host_address for call in calls} == {host.data_ptr()}


def test_calls_name_their_thread_and_stream(gpu: sim.Gpu, module: Any) -> None:
    stream = module.Stream()
    with gpu.trace.recording() as calls:
        thread = threading.Thread(target=stream.synchronize, name="watchdog")
        thread.start()
        thread.join()
    assert [(call.thread, call.stream) for call in calls] == [("watchdog", stream.stream_id)]


def test_recordings_nest_and_end(gpu: sim.Gpu, module: Any) -> None:
    with gpu.trace.recording() as outer:
        module.synchronize()
        with gpu.trace.recording() as inner:
            module.synchronize()
    module.synchronize()
    assert (len(outer), len(inner), gpu.trace.is_recording) == (2, 1, False)
