"""Callbacks of CUPTI become calls: which ones, with what, and none of the driver's own."""

import ctypes
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imp_graphcheck.apis import find_call
from imp_graphcheck.device.cuda.cupti_trace import CuptiTrace, CuptiUnusableError
from imp_graphcheck.device.cuda.native_caller import NativeCaller
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.device.traced_call import TracedCall
from tests.device.cuda.fake_cupti import FakeCupti, driver_api_trace_cbid, runtime_api_trace_cbid

PINNED, DEVICE = 0x5000_0000, 0x7000_0000
STREAM, OTHER, EVENT = 0x1000, 0x2000, 0x3000


def kind_of(address: int) -> str | None:
    return "pinned" if address == PINNED else None if DEVICE <= address < DEVICE + 4096 else "pageable"


class Scene:
    """A trace over the stand-in. `caller` is who the next call is made by; `asked` counts questions to the driver."""

    def __init__(self) -> None:
        self.cupti = FakeCupti()
        self.caller = NativeCaller()
        self.asked: list[int] = []
        self.trace = CuptiTrace(self.cupti, lambda: self.caller, self._ask)  # type: ignore[arg-type]

    def _ask(self, address: int) -> str | None:
        self.asked.append(address)
        return kind_of(address)

    @property
    def calls(self) -> list[TracedCall]:
        return self.trace.recording.calls

    def copy(self, target: int, source: int, size: int, kind: int, stream: int = STREAM) -> None:
        self.cupti.call("cudaMemcpyAsync_v3020", (target, source, size, kind, stream))


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    with made.trace.active() as recording:
        assert recording is made.trace.recording
        yield made
    assert made.cupti.unsubscribed == 7


def host_bytes(text: bytes) -> tuple["ctypes.Array[ctypes.c_char]", int]:
    memory = ctypes.create_string_buffer(text)
    return memory, ctypes.addressof(memory)


def test_only_calls_that_matter_are_asked_for(scene: Scene) -> None:
    names = {runtime_api_trace_cbid(number).name for domain, number in scene.cupti.enabled if domain == 2}
    names |= {driver_api_trace_cbid(number).name for domain, number in scene.cupti.enabled if domain == 1}
    assert {"cudaLaunchKernel_v7000", "cuLaunchKernel", "cudaStreamIsCapturing_v10000"}.isdisjoint(names)
    window = {name for name in names if find_call(name) is None}
    assert window == {
        "cudaStreamBeginCapture_v10000",
        "cudaStreamEndCapture_v10000",
        "cudaGraphLaunch_v10000",
        "cuStreamBeginCapture_v2",
    }
    assert "cudaMemcpyAsync_ptsz_v7000" in names


def test_an_upload_with_its_line_content_and_error(scene: Scene) -> None:
    memory, address = host_bytes(b"12345678")
    scene.copy(DEVICE, address, 8, 1)
    line = sys._getframe().f_lineno - 1
    memory[0] = b"9"
    scene.copy(DEVICE, address, 8, 1)
    scene.cupti.call("cudaStreamSynchronize_v3020", (STREAM,), result=900)
    first, second, wait = scene.calls
    assert (first.name, first.direction, first.size_bytes, first.stream) == (
        "cudaMemcpyAsync",
        "h2d",
        8,
        STREAM,
    )
    assert first.content != second.content
    site = site_of(first.stack)
    assert site is not None
    # The stand-in makes the calls itself, one frame below the test.
    assert {(Path(frame.file).name, frame.line) for frame in site.stack} >= {(Path(__file__).name, line)}
    assert Path(site.file).name == "fake_cupti.py"
    assert (wait.result, wait.error) == (900, "cudaErrorStreamCaptureUnsupported")


def test_what_the_runtime_asks_of_the_driver_counts_once(scene: Scene) -> None:
    with scene.cupti.calling("cudaMalloc_v3020", (0, 1 << 20)):
        scene.cupti.call("cuMemAlloc_v2", (0, 1 << 20))
    scene.cupti.call("cuMemAlloc_v2", (0, 4096))
    assert [(call.name, call.size_bytes) for call in scene.calls] == [
        ("cudaMalloc", 1 << 20),
        ("cuMemAlloc", 4096),
    ]


def test_another_thread_is_not_nested_in_this_one(scene: Scene) -> None:
    with scene.cupti.calling("cudaMalloc_v3020", (0, 1 << 20)):
        thread = threading.Thread(
            target=scene.cupti.call, args=("cudaEventQuery_v3020", (EVENT,)), name="watchdog"
        )
        thread.start()
        thread.join()
    assert [(call.name, call.thread) for call in scene.calls] == [
        ("cudaEventQuery", "watchdog"),
        ("cudaMalloc", threading.current_thread().name),
    ]


def test_the_driver_is_asked_about_memory_only_when_the_trace_is_settled(scene: Scene) -> None:
    memory, address = host_bytes(b"1234")
    scene.copy(DEVICE, address, 4, 1)
    scene.copy(PINNED, DEVICE, 4, 2)
    assert [call.host for call in scene.calls] == [None, None]
    assert scene.asked == [], "a capture may be in progress"
    scene.trace.recording.settle()
    assert [call.host for call in scene.calls] == ["pageable", "pinned"]
    scene.trace.recording.settle()
    assert scene.asked == [address, PINNED], "each once"
    assert memory.raw


def test_pinned_memory_is_known_from_its_allocation(scene: Scene) -> None:
    memory, address = host_bytes(b"1234")
    place = ctypes.c_uint64(address)
    scene.cupti.call("cudaHostAlloc_v3020", (ctypes.addressof(place), 4, 0))
    scene.copy(DEVICE, address, 4, 1)
    scene.cupti.call("cudaFreeHost_v3020", (address,))
    scene.copy(DEVICE, address, 4, 1)
    assert [call.host for call in scene.calls if call.direction] == ["pinned", None]
    assert memory.raw


def test_a_direction_that_is_left_to_the_driver(scene: Scene) -> None:
    memory, address = host_bytes(b"1234")
    scene.copy(DEVICE, address, 4, 4)
    scene.copy(PINNED, DEVICE, 4, 4)
    scene.copy(DEVICE + 64, DEVICE, 4, 4)
    scene.trace.recording.settle()
    assert [(call.direction, call.host) for call in scene.calls] == [
        ("h2d", "pageable"),
        ("d2h", "pinned"),
        ("d2d", None),
    ]
    assert memory.raw


def test_streams_join_a_capture_by_events(scene: Scene) -> None:
    cupti = scene.cupti
    cupti.call("cudaStreamBeginCapture_v10000", (STREAM, 0))
    cupti.call("cudaEventRecord_v3020", (EVENT, STREAM))
    scene.copy(DEVICE, DEVICE + 64, 4, 3, OTHER)
    cupti.call("cudaStreamWaitEvent_v3020", (OTHER, EVENT, 0))
    scene.copy(DEVICE, DEVICE + 64, 4, 3, OTHER)
    cupti.call("cudaEventQuery_v3020", (EVENT,), result=907)
    cupti.call("cudaStreamEndCapture_v10000", (STREAM, 0), result=901)
    scene.copy(DEVICE, DEVICE + 64, 4, 3, STREAM)
    cupti.call("cudaEventRecord_v3020", (EVENT, OTHER))
    cupti.call("cudaEventQuery_v3020", (EVENT,), result=600)
    told = [
        (call.name.removeprefix("cuda"), call.capturing)
        for call in scene.calls
        if not call.name.endswith("Capture")
    ]
    assert told == [
        ("EventRecord", True),
        ("MemcpyAsync", False),
        ("StreamWaitEvent", True),
        ("MemcpyAsync", True),
        ("EventQuery", True),
        ("MemcpyAsync", False),
        ("EventRecord", False),
        ("EventQuery", False),
    ]
    assert scene.calls[-1].stream == OTHER, "where the event was recorded"


def test_a_handle_is_known_by_who_makes_the_calls(scene: Scene) -> None:
    scene.caller = NativeCaller("libcublas.so", "cublasCreate_v2")
    scene.cupti.call("cudaMalloc_v3020", (0, 1 << 20), result=900)
    scene.caller = NativeCaller("libc10_cuda.so", "whatever")
    scene.cupti.call("cudaMalloc_v3020", (0, 1 << 20))
    handle, malloc = scene.calls
    assert (handle.name, handle.detail, handle.result) == ("cublasCreate", "cudaMalloc", 900)
    assert (malloc.name, malloc.caller) == ("cudaMalloc", "libc10_cuda.so")


def test_a_call_that_cannot_be_read_is_said_and_harms_nobody(scene: Scene) -> None:
    def broken() -> NativeCaller:
        raise ValueError("no such frame")

    scene.trace._find_caller = broken
    scene.cupti.call("cudaMalloc_v3020", (0, 1 << 20))
    assert scene.calls == []
    assert scene.trace.recording.notes == ("a traced call could not be read: no such frame",)


def test_a_cupti_that_somebody_else_has(scene: Scene) -> None:
    taken = CuptiTrace(
        FakeCupti(refuses="CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED"), NativeCaller, kind_of
    )  # type: ignore[arg-type]
    with pytest.raises(CuptiUnusableError, match="MULTIPLE_SUBSCRIBERS"), taken.active():
        pass


def test_the_real_module_has_what_the_stand_in_has() -> None:
    real = pytest.importorskip("cupti.cupti", reason="cupti-python is not installed")
    for name in ("subscribe", "unsubscribe", "enable_callback"):
        assert callable(getattr(real, name))
    for name in ("DRIVER_API", "RUNTIME_API"):
        assert int(getattr(real.CallbackDomain, name)) == getattr(FakeCupti.CallbackDomain, name)
    assert {each.name for each in runtime_api_trace_cbid} <= real.runtime_api_trace_cbid.__members__.keys()
    assert {each.name for each in driver_api_trace_cbid} <= real.driver_api_trace_cbid.__members__.keys()
    words = (ctypes.c_uint64 * 12)(1, 0, 0x1234)
    address = ctypes.addressof(words)
    assert int(real.CallbackData.from_ptr(address).ptr) == address
