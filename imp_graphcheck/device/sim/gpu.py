"""One software GPU: what its runtime does for the program, under one lock."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import torch

from imp_graphcheck.apis.torch_manners import TORCH_ALLOCATOR, TORCH_COPIES
from imp_graphcheck.device.sim.allocator import DEFAULT_POOL, PoolId
from imp_graphcheck.device.sim.capture import Capture, CaptureMode, GraphNode
from imp_graphcheck.device.sim.captures import LEGACY_STREAM, Captures
from imp_graphcheck.device.sim.errors import (
    CAPTURE_UNSUPPORTED,
    INVALID_RESOURCE_HANDLE,
    NOT_READY,
    Fault,
    SimError,
)
from imp_graphcheck.device.sim.handles import Handles
from imp_graphcheck.device.sim.memory import Memory
from imp_graphcheck.device.sim.owners import owner_of
from imp_graphcheck.device.sim.queues import Queues
from imp_graphcheck.device.sim.trace import Calling, CallTrace
from imp_graphcheck.device.sim.work import (
    EventRecord,
    EventState,
    EventWait,
    GraphLaunch,
    NodeLaunch,
    NodeWork,
    Recording,
    addresses,
)
from imp_graphcheck.device.stack import RawStack, take_stack

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.graph import CUDAGraph

MEMORY_BYTES = 16 << 30
"""Device memory. It is reserved, not committed: only what a program touches costs host memory."""
PINNED_BYTES = 4 << 30

_event_numbers = count(1)
_stream_ids = count(1)
"""Of the process, not of one device: a stream that outlives its device must not be taken for another."""


class Gpu:
    """The device. Every call of its runtime is checked against the captures in progress, traced, and done."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self.lock = threading.RLock()
        self.memory = Memory(memory_bytes, PINNED_BYTES, self.lock)
        self.arena = self.memory.arena
        self.allocator = self.memory.allocator
        self.pinned = self.memory.pinned
        self.trace = CallTrace()
        self.captures = Captures()
        self.capture_of = self.captures.of
        self.queues = Queues(self.memory)
        self.require_alive = self.queues.require_alive
        self.handles = Handles()
        self.generator = torch.Generator("cpu")
        self._pool_ids = count(1)
        self._pool = DEFAULT_POOL
        self._pool_apart: PoolId | None = None
        self._libraries: set[str] = set()

    @property
    def fault(self) -> Fault | None:
        """Where the device stopped, if it did."""
        return self.queues.fault

    # memory

    def allocate_tensor(
        self,
        size_bytes: int,
        *,
        stream: int,
        stack: RawStack = (),
        shape: tuple[int, ...] | None = None,
        strides: tuple[int, ...] = (1,),
        dtype: torch.dtype = torch.uint8,
    ) -> torch.Tensor:
        """A tensor on the device over a new allocation of `size_bytes`; 1-D of bytes unless a layout is given.

        Raises SimError when the context is dead or a capture forbids mapping memory, torch.OutOfMemoryError
        when there is none left.
        """
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            pool = capture.pool if capture is not None else self._pool
            if self.allocator.would_map(size_bytes, pool=pool, stream=stream):
                self._before_mapping(stream, size_bytes)
            tensor = self.memory.device_tensor(
                (size_bytes,) if shape is None else shape,
                strides,
                dtype,
                size_bytes,
                pool=pool,
                stream=stream,
                stack=stack or take_stack(2),
            )
            if tensor is None:
                raise torch.OutOfMemoryError(
                    f"CUDA out of memory. Tried to allocate {size_bytes} bytes; "
                    f"{self.allocator.allocated_bytes} of {self.arena.capacity_bytes} are in use."
                )
            return tensor

    def _before_mapping(self, stream: int, size_bytes: int) -> None:
        # torch relaxes the capture mode around cudaMalloc for the thread whose stream captures, so only mapping
        # on behalf of a stream outside the capture can disturb one.
        capturing = self.capture_of(stream) is not None
        with self.trace.calling(
            "cudaMalloc", stream=stream, size_bytes=size_bytes, capturing=capturing, caller=TORCH_ALLOCATOR
        ):
            if not capturing:
                self.captures.refuse_unsafe("cudaMalloc", stream)

    def allocate_pinned(self, size_bytes: int) -> torch.Tensor:
        """A 1-D uint8 CPU tensor over pinned host memory. Always allowed: torch relaxes the capture mode for it."""
        with self.lock:
            if self.pinned.would_map(size_bytes):
                self.trace.add("cudaHostAlloc", size_bytes=size_bytes, host="pinned", caller=TORCH_COPIES)
            tensor = self.memory.pinned_tensor(size_bytes, stack=take_stack(2))
            if tensor is None:
                raise torch.OutOfMemoryError(f"out of pinned memory allocating {size_bytes} bytes")
            return tensor

    def empty_cache(self) -> None:
        """Unmap what is free. Waits for the device first, as cudaFree does; does nothing during a capture."""
        with self.lock:
            if self.captures:
                return
            self.synchronize_device(caller=TORCH_ALLOCATOR)
            for segment in self.memory.unmap_free_segments():
                self.trace.add("cudaFree", size_bytes=segment.size, caller=TORCH_ALLOCATOR)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """While active, what is allocated outside of captures lies in a pool that is used for nothing else."""
        if self._pool_apart is None:
            self._pool_apart = self.new_pool()
            self.retain_pool(self._pool_apart)
        before, self._pool = self._pool, self._pool_apart
        try:
            yield
        finally:
            self._pool = before

    def new_pool(self) -> PoolId:
        """An unused pool id."""
        return (0, next(self._pool_ids))

    def retain_pool(self, pool: PoolId) -> None:
        """One more graph uses `pool`."""
        with self.lock:
            self.allocator.retain_pool(pool)

    def release_pool(self, pool: PoolId) -> None:
        """One graph fewer uses `pool`."""
        with self.lock:
            self.allocator.release_pool(pool)

    def load_library(self, name: str) -> None:
        """Before the first kernel of a library its module is loaded, which no capture refuses."""
        if name not in self._libraries:
            self._libraries.add(name)
            self.trace.add("cuLibraryLoadData", detail=name)

    # streams

    def new_stream(self) -> int:
        """An unused stream id."""
        stream = next(_stream_ids)
        self.trace.add("cudaStreamCreateWithPriority", stream=stream)
        return stream

    def enqueue(self, stream: int, work: NodeWork) -> None:
        """Queue `work` on `stream`, or record it when the stream is capturing."""
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            if capture is not None:
                owners = tuple(owner_of(address, self.memory) for address in addresses(work))
                capture.add(work, stream, owners)
            else:
                self.queues.push(stream, work)

    def launch_graph(self, graph: "CUDAGraph", stream: int) -> None:
        """Queue a replay."""
        self._launch(GraphLaunch(graph), stream)

    def launch_node(self, graph: "CUDAGraph", node: GraphNode, stream: int) -> None:
        """Queue one node of a graph, as a graph of that node alone would be."""
        self._launch(NodeLaunch(graph, node), stream)

    def _launch(self, work: GraphLaunch | NodeLaunch, stream: int) -> None:
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            with self.trace.calling("cudaGraphLaunch", stream=stream, capturing=capture is not None):
                if capture is not None:
                    self.captures.refuse(capture, CAPTURE_UNSUPPORTED, "cudaGraphLaunch", stream)
                self.queues.push(stream, work)

    def hold(self, stream: int) -> None:
        """Keep everything queued on `stream` from here on until somebody waits for it: the GPU is behind."""
        with self.lock:
            self.queues.hold(stream)

    def synchronize_stream(self, stream: int) -> None:
        """Wait for `stream`."""
        with self.lock:
            capturing = self.capture_of(stream) is not None
            with self.trace.calling("cudaStreamSynchronize", stream=stream, capturing=capturing):
                self.require_alive()
                self.captures.refuse_wait("cudaStreamSynchronize", stream)
                self.queues.drain(stream)
                self.require_alive()

    def synchronize_device(self, *, caller: str = "") -> None:
        """Wait for every stream."""
        with (
            self.lock,
            self.trace.calling("cudaDeviceSynchronize", capturing=bool(self.captures), caller=caller),
        ):
            self.require_alive()
            self.captures.refuse_wait_for_all("cudaDeviceSynchronize")
            self.queues.drain_all()
            self.require_alive()

    def query_stream(self, stream: int) -> bool:
        """Whether everything queued on `stream` has run."""
        with self.lock:
            capturing = self.capture_of(stream) is not None
            with self.trace.calling("cudaStreamQuery", stream=stream, capturing=capturing) as call:
                self.require_alive()
                self.captures.refuse_wait("cudaStreamQuery", stream)
                self.queues.poll(stream)
                self.require_alive()
                return call.answered(self.queues.is_idle(stream))

    # events

    def record_event(self, event: EventState, stream: int) -> None:
        """Record `event` behind what is queued on `stream` now."""
        with self.lock:
            capture = self.capture_of(stream)
            capturing = capture is not None
            if event.number is None:
                # As torch does: an event is made when it is first recorded.
                event.number = next(_event_numbers)
                self.trace.add("cudaEventCreateWithFlags", stream=stream, capturing=capturing)
            with self.trace.calling(
                "cudaEventRecord", stream=stream, capturing=capturing, event=event.number
            ):
                self.require_alive()
                if capture is not None:
                    capture.require_valid()
                    event.capture_id, event.capture_tail = capture.id, capture.tails[stream]
                    return
                event.capture_id, event.recording = None, Recording(stream)
                self.queues.push(stream, EventRecord(event.recording))

    def wait_event(self, event: EventState, stream: int) -> None:
        """What is queued on `stream` from here on follows `event`; inside a capture this forks or joins."""
        with self.lock:
            with self.trace.calling("cudaStreamWaitEvent", stream=stream, event=event.number) as call:
                self.require_alive()
                call.facts["capturing"] = self.capture_of(stream) is not None
                is_captured = call.facts["capturing"] = self.captures.wait(event, stream)
            if not is_captured and event.recording is not None and not event.recording.done:
                self.queues.push(stream, EventWait(event.recording))

    def query_event(self, event: EventState) -> bool:
        """Whether the last recording of `event` has completed."""
        with self.lock, self._looking_at(event, "cudaEventQuery") as call:
            stream = self._look_at(event, "cudaEventQuery")
            if event.recording is None or event.recording.done:
                return True
            self.queues.poll(stream)
            self.require_alive()
            return call.answered(event.recording.done)

    def synchronize_event(self, event: EventState) -> None:
        """Wait for the last recording of `event`."""
        with self.lock, self._looking_at(event, "cudaEventSynchronize"):
            self._look_at(event, "cudaEventSynchronize")
            if event.recording is not None:
                self.queues.complete(event.recording)
            self.require_alive()

    def elapsed_seconds(self, start: EventState, end: EventState) -> float:
        """Host time between the completions of two recordings."""
        with self.lock, self._looking_at(end, "cudaEventElapsedTime"):
            self.require_alive()
            if start.recording is None or end.recording is None:
                raise SimError(INVALID_RESOURCE_HANDLE)
            if not (start.recording.done and end.recording.done):
                raise SimError(NOT_READY)
            return end.recording.at - start.recording.at

    def _looking_at(self, event: EventState, call: str) -> Calling:
        return self.trace.calling(
            call,
            stream=_stream_of(event),
            event=event.number,
            capturing=any(capture.id == event.capture_id for capture in self.captures),
            skip=3,
        )

    def _look_at(self, event: EventState, call: str) -> int:
        stream = _stream_of(event)
        self.require_alive()
        self.captures.refuse_look_at(event, call, stream)
        return stream

    # graphs

    def begin_capture(
        self, *, stream: int, mode: CaptureMode, pool: PoolId, generators: frozenset[int]
    ) -> None:
        """Start recording `stream`."""
        if stream == LEGACY_STREAM:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream. "
                "(However, after capture, it's ok to replay them on the default stream.)"
            )
        capturing = self.capture_of(stream) is not None
        with (
            self.lock,
            self.trace.calling("cudaStreamBeginCapture", stream=stream, capturing=capturing, detail=mode),
        ):
            self.require_alive()
            self.captures.begin(stream, mode, pool, generators)

    def end_capture(self, stream: int) -> Capture:
        """Stop recording and return what was recorded. The errors are those of `Captures.end`."""
        with self.lock, self.trace.calling("cudaStreamEndCapture", stream=stream):
            self.require_alive()
            return self.captures.end(stream)

    def instantiate(self) -> None:
        """Make a graph launchable."""
        with self.lock, self.trace.calling("cudaGraphInstantiate"):
            self.require_alive()
            self.captures.refuse_unsafe("cudaGraphInstantiate", LEGACY_STREAM)


def _stream_of(event: EventState) -> int:
    """Where `event` was recorded last, inside a capture or not."""
    return event.recording.stream if event.recording is not None else LEGACY_STREAM


_gpu: Gpu | None = None


def current_gpu() -> Gpu:
    """The device of this process, made on first use."""
    global _gpu
    if _gpu is None:
        _gpu = Gpu()
    return _gpu


def reset(memory_bytes: int = MEMORY_BYTES) -> Gpu:
    """Replace the device by a fresh one, as a new process would have it.

    Tensors of the old one may still die, and give their memory back to it, but must not be used.
    """
    global _gpu
    _gpu = Gpu(memory_bytes)
    return _gpu
