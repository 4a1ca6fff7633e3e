"""The call trace of a real card: what CUPTI tells, and what torch tells without it."""

import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from imp_graphcheck.apis.torch_manners import TORCH_ALLOCATOR, TORCH_COPIES
from imp_graphcheck.device.cuda.aten_trace import AtenTrace
from imp_graphcheck.device.cuda.cupti_trace import TRACED_BY
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.device.traced_call import CallRecording, TracedCall

pytestmark = pytest.mark.gpu


@pytest.fixture
def recording(device: CudaDevice) -> Iterator[CallRecording]:
    torch.ones(1, device="cuda").add_(1).item()  # the context, and the first kernels
    with device.trace_calls() as found:
        if found.traced_by != TRACED_BY:
            pytest.skip(f"no CUPTI here: {found.notes}")
        yield found


def named(recording: CallRecording, name: str) -> list[TracedCall]:
    recording.settle()
    return [call for call in recording.calls if call.name == name]


def line_of(call: TracedCall) -> tuple[str, int] | None:
    site = site_of(call.stack)
    return None if site is None else (site.file, site.line)


def test_copies_have_their_way_their_memory_and_their_line(recording: CallRecording) -> None:
    pageable, pinned = torch.ones(1024), torch.ones(1024).pin_memory()
    target = torch.empty(1024, device="cuda")
    first = sys._getframe().f_lineno + 1
    target.copy_(pageable)
    target.copy_(pinned, non_blocking=True)
    pinned.copy_(target)
    target.sum().item()
    found = named(recording, "cudaMemcpyAsync")
    assert [(call.direction, call.host) for call in found] == [
        ("h2d", "pageable"),
        ("h2d", "pinned"),
        ("d2h", "pinned"),
        ("d2h", "pinned"),
    ]
    assert [call.size_bytes for call in found] == [4096, 4096, 4096, 4]
    assert [line_of(call) for call in found] == [(__file__, first + number) for number in range(4)]
    assert {call.caller for call in found} == {TORCH_COPIES}
    assert found[0].content == found[1].content, "the same content"


def test_allocations_are_the_allocators(recording: CallRecording) -> None:
    kept = torch.empty(256 << 20, dtype=torch.uint8, device="cuda")
    (found,) = named(recording, "cudaMalloc")
    assert (found.caller, found.result) == (TORCH_ALLOCATOR, 0)
    assert kept.numel()


def test_a_refused_wait_in_a_capture(recording: CallRecording) -> None:
    x, graph = torch.ones(8, device="cuda"), torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError), torch.cuda.graph(graph):
        x.sum().item()
    (begin,) = named(recording, "cudaStreamBeginCapture")
    refused = [call for call in recording.calls if call.result]
    assert (refused[0].name, refused[0].result, refused[0].capturing) == ("cudaStreamSynchronize", 900, True)
    assert refused[0].stream == begin.stream
    assert named(recording, "cudaStreamEndCapture")[0].result == 901


def test_an_event_query_of_another_thread(recording: CallRecording) -> None:
    event = torch.cuda.Event()
    event.record()
    thread = threading.Thread(target=event.query, name="watchdog")
    thread.start()
    thread.join()
    (found,) = named(recording, "cudaEventQuery")
    assert found.thread == "watchdog"


def test_a_handle_is_found_behind_the_calls_that_set_it_up(recording: CallRecording) -> None:
    """A new thread has no handles."""

    def multiply() -> None:
        x = torch.ones(64, 64, device="cuda")
        with torch.cuda.stream(torch.cuda.Stream()):
            x @ x

    thread = threading.Thread(target=multiply, name="fresh")
    thread.start()
    thread.join()
    recording.settle()
    found = {(call.name, call.thread) for call in recording.calls}
    assert ("cublasCreate", "fresh") in found, found


def test_no_kernel_pays_for_it(recording: CallRecording) -> None:
    x = torch.ones(8, device="cuda")
    before = len(recording.calls)
    for _ in range(100):
        x.add_(1)
    assert len(recording.calls) == before


def test_without_cupti_torch_tells_the_same_of_its_own_operators(device: CudaDevice) -> None:
    x, host = torch.ones(8, device="cuda"), torch.ones(8)
    with AtenTrace("cuda", torch.cuda, device.stream_number).active() as told:
        x.copy_(host)
        x.sum().item()
        torch.tensor([1.0], device="cuda")
        torch.cuda.synchronize()
    names = [call.name for call in told.calls]
    assert names.count("cudaStreamSynchronize") == 3
    assert [call.direction for call in told.calls if call.direction] == ["h2d", "d2h", "h2d"]
    assert names[-1] == "cudaDeviceSynchronize"
