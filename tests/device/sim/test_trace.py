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
        with module.graph(graph):
            y.mul_(2)
        graph.replay()
        module.synchronize()
    assert [(call.name, call.detail) for call in calls] == [
        ("cudaHostAlloc", ""),
        ("cudaMalloc", ""),
        ("cudaMemcpyAsync", ""),
        ("cudaMemsetAsync", ""),
        ("cudaLaunchKernel", "aten.add.out"),
        ("cudaLaunchKernel", "aten.sum.IntList_out"),
        ("cudaMemcpyAsync", "aten._local_scalar_dense.default"),
        ("cudaStreamSynchronize", ""),
        ("cudaEventRecord", ""),
        ("cudaEventSynchronize", ""),
        ("cudaStreamSynchronize", ""),
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
    lines = [site.line for call in calls[1:5] if (site := site_of(call.stack))]
    assert lines == [first, first, first + 1, first + 2]
    sites = [site_of(call.stack) for call in calls]
    assert {site.file for site in sites if site} == {__file__}


def test_a_refused_call_shows_its_error(gpu: sim.Gpu, module: Any) -> None:
    x = torch.ones(4, device=D)
    with gpu.trace.recording() as calls, pytest.raises(RuntimeError), module.graph(module.CUDAGraph()):
        x.sum().item()
    failed = [(call.name, call.result) for call in calls if call.result]
    assert failed == [("cudaStreamSynchronize", 900), ("cudaStreamEndCapture", 901)]


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
