"""One software GPU: its memory, its streams, the capture in progress, and the error that ended it."""

import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import torch

from imp_graphcheck.device.sim.allocator import DEFAULT_POOL, Allocation, CachingAllocator, PoolId
from imp_graphcheck.device.sim.arena import Arena
from imp_graphcheck.device.sim.capture import Capture, CaptureMode
from imp_graphcheck.device.sim.errors import (
    CAPTURE_INVALIDATED,
    CAPTURE_ISOLATION,
    CAPTURE_MERGE,
    CAPTURE_UNMATCHED,
    CAPTURE_UNSUPPORTED,
    CAPTURE_WRONG_THREAD,
    CAPTURED_EVENT,
    Fault,
    SimError,
)
from imp_graphcheck.device.sim.execute import AccessError, execute
from imp_graphcheck.device.sim.handles import Handles
from imp_graphcheck.device.sim.host_memory import PinnedMemory
from imp_graphcheck.device.sim.memory import KDL_CPU, KDL_EXTENSION, bytes_tensor
from imp_graphcheck.device.sim.trace import CallTrace
from imp_graphcheck.device.sim.work import (
    Copy,
    EventRecord,
    EventState,
    EventWait,
    GraphLaunch,
    NodeWork,
    Work,
)
from imp_graphcheck.device.stack import RawStack, take_stack

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.graph import CUDAGraph

MEMORY_BYTES = 16 << 30
"""Device memory. It is reserved, not committed: only what a program touches costs host memory."""
PINNED_BYTES = 4 << 30
QUERIES_BEFORE_PROGRESS = 64
"""A held stream moves on after this many polls, so that a polling loop ends."""


@dataclass(slots=True, eq=False)
class StreamQueue:
    """Work that was queued and has not run. A held stream keeps its work until somebody waits for it."""

    id: int
    work: deque[Work] = field(default_factory=deque)
    held: bool = False
    polls: int = 0


class Gpu:
    """The device. Work runs as soon as it is queued, unless its stream is held (see `hold`)."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self.lock = threading.RLock()
        self.arena = Arena(memory_bytes)
        self.allocator = CachingAllocator(self.arena)
        self.pinned = PinnedMemory(PINNED_BYTES)
        self.handles = Handles()
        self.trace = CallTrace()
        self.generator = torch.Generator("cpu")
        self.fault: Fault | None = None
        self.captures: list[Capture] = []
        self._streams: dict[int, StreamQueue] = {}
        self._stream_ids = itertools.count(1)
        self._pool_ids = itertools.count(1)
        self._capture_ids = itertools.count(1)

    # memory

    def allocate_tensor(self, size_bytes: int, *, stream: int, stack: RawStack = ()) -> torch.Tensor:
        """A 1-D uint8 tensor on the device over a new allocation of `size_bytes`.

        Raises SimError when the context is dead or the capture forbids mapping memory, torch.OutOfMemoryError
        when there is none left.
        """
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            pool = capture.pool if capture is not None else DEFAULT_POOL
            if self.allocator.would_map(size_bytes, pool=pool, stream=stream):
                self._before_mapping(stream)
            allocation = self.allocator.allocate(
                size_bytes, pool=pool, stream=stream, site=stack or take_stack(2)
            )
            if allocation is None:
                raise torch.OutOfMemoryError(
                    f"CUDA out of memory. Tried to allocate {size_bytes} bytes; "
                    f"{self.allocator.allocated_bytes} of {self.arena.capacity_bytes} are in use."
                )
            return self._tensor_over(allocation, size_bytes)

    def _before_mapping(self, stream: int) -> None:
        # torch relaxes the capture mode around cudaMalloc for the thread whose stream captures, so only mapping
        # on behalf of a stream outside the capture can disturb one.
        if self.capture_of(stream) is None and self.captures:
            self.refuse_unsafe("cudaMalloc", stream)
        self.trace.add("cudaMalloc", stream=stream, capturing=self.capture_of(stream) is not None)

    def _tensor_over(self, allocation: Allocation, size_bytes: int) -> torch.Tensor:
        def on_free() -> None:
            with self.lock:
                self.allocator.free(allocation.address, site=take_stack(3))

        return bytes_tensor(allocation.address, size_bytes, kind=KDL_EXTENSION, on_free=on_free)

    def allocate_pinned(self, size_bytes: int) -> torch.Tensor:
        """A 1-D uint8 CPU tensor over pinned host memory."""
        with self.lock:
            if self.pinned.would_map(size_bytes):
                if self.captures:
                    self.refuse_unsafe("cudaHostAlloc", 0)
                self.trace.add("cudaHostAlloc", size_bytes=size_bytes)
            block = self.pinned.allocate(size_bytes, take_stack(2))
            if block is None:
                raise torch.OutOfMemoryError(f"out of pinned memory allocating {size_bytes} bytes")

        def on_free() -> None:
            with self.lock:
                self.pinned.free(block.address, take_stack(3))

        return bytes_tensor(block.address, size_bytes, kind=KDL_CPU, on_free=on_free)

    def empty_cache(self) -> None:
        """Unmap what is free. Waits for the device first, as cudaFree does; does nothing during a capture."""
        with self.lock:
            if self.captures:
                return
            self.synchronize_device()
            for segment in self.allocator.empty_cache():
                self.trace.add("cudaFree", size_bytes=segment.size)

    def new_pool(self) -> PoolId:
        """An unused pool id."""
        return (0, next(self._pool_ids))

    # streams

    def new_stream(self) -> int:
        """An unused stream id."""
        return next(self._stream_ids)

    def enqueue(self, stream: int, work: NodeWork) -> None:
        """Queue `work` on `stream`, or record it when the stream is capturing."""
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            if capture is not None:
                capture.add(work, stream)
            else:
                self._push(stream, work)

    def launch_graph(self, graph: "CUDAGraph", stream: int) -> None:
        """Queue a replay."""
        with self.lock:
            self.require_alive()
            if self.capture_of(stream) is not None:
                self._refuse(CAPTURE_UNSUPPORTED, "cudaGraphLaunch", stream)
            self.trace.add("cudaGraphLaunch", stream=stream)
            self._push(stream, GraphLaunch(graph))

    def hold(self, stream: int) -> None:
        """Keep everything queued on `stream` from here on until somebody waits for it: the GPU is behind."""
        with self.lock:
            queue = self._queue(stream)
            queue.held, queue.polls = True, 0

    def synchronize_stream(self, stream: int) -> None:
        """Wait for `stream`."""
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            if capture is not None:
                self._refuse(CAPTURE_UNSUPPORTED, "cudaStreamSynchronize", stream)
            self.trace.add("cudaStreamSynchronize", stream=stream)
            self._drain(stream)
            self.require_alive()

    def synchronize_device(self) -> None:
        """Wait for every stream."""
        with self.lock:
            self.require_alive()
            if self.captures:
                self._refuse_in(self.captures[-1], "cudaDeviceSynchronize", 0)
            self.trace.add("cudaDeviceSynchronize")
            for stream in list(self._streams):
                self._drain(stream)
            self.require_alive()

    def query_stream(self, stream: int) -> bool:
        """Whether everything queued on `stream` has run."""
        with self.lock:
            self.require_alive()
            if self.capture_of(stream) is not None:
                self._refuse(CAPTURE_UNSUPPORTED, "cudaStreamQuery", stream)
            self.trace.add("cudaStreamQuery", stream=stream)
            self._poll(stream)
            return not self._queue(stream).work

    # events

    def record_event(self, event: EventState, stream: int) -> None:
        """Record `event` behind what is queued on `stream` now."""
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            self.trace.add("cudaEventRecord", stream=stream, capturing=capture is not None)
            if capture is not None:
                capture.require_valid()
                event.capture_id, event.capture_tail = capture.id, capture.tails[stream]
                return
            event.capture_id, event.stream = None, stream
            event.recorded += 1
            self._push(stream, EventRecord(event, event.recorded))

    def wait_event(self, event: EventState, stream: int) -> None:
        """What is queued on `stream` from here on follows `event`; inside a capture this forks or joins."""
        with self.lock:
            self.require_alive()
            capture = self.capture_of(stream)
            self.trace.add("cudaStreamWaitEvent", stream=stream, capturing=capture is not None)
            if event.capture_id is not None:
                source = next((other for other in self.captures if other.id == event.capture_id), None)
                if source is None:
                    raise SimError(CAPTURED_EVENT)
                if capture is not None and capture is not source:
                    self._refuse(CAPTURE_MERGE, "cudaStreamWaitEvent", stream)
                source.join(stream, event.capture_tail)
            elif capture is not None:
                if event.recorded:
                    self._refuse(CAPTURE_ISOLATION, "cudaStreamWaitEvent", stream)
            elif event.recorded > event.completed:
                self._push(stream, EventWait(event, event.recorded))

    def query_event(self, event: EventState) -> bool:
        """Whether the last recording of `event` has completed."""
        with self.lock:
            self.require_alive()
            self._refuse_captured(event, "cudaEventQuery")
            self.refuse_unsafe("cudaEventQuery", event.stream or 0)
            self.trace.add("cudaEventQuery", stream=event.stream or 0)
            if event.stream is not None and event.completed < event.recorded:
                self._poll(event.stream)
            return event.completed >= event.recorded

    def synchronize_event(self, event: EventState) -> None:
        """Wait for the last recording of `event`."""
        with self.lock:
            self.require_alive()
            self._refuse_captured(event, "cudaEventSynchronize")
            self.refuse_unsafe("cudaEventSynchronize", event.stream or 0)
            self.trace.add("cudaEventSynchronize", stream=event.stream or 0)
            self._complete(event, event.recorded)
            self.require_alive()

    # capture

    def capture_of(self, stream: int) -> Capture | None:
        """The capture that `stream` takes part in."""
        return next((capture for capture in self.captures if stream in capture.tails), None)

    def begin_capture(
        self, *, stream: int, mode: CaptureMode, pool: PoolId, generators: frozenset[int]
    ) -> None:
        """Start recording `stream`."""
        with self.lock:
            self.require_alive()
            if stream == 0:
                raise RuntimeError(
                    "CUDA graphs must be captured on a non-default stream. "
                    "(However, after capture, it's ok to replay them on the default stream.)"
                )
            if self.capture_of(stream) is not None:
                self._refuse(CAPTURE_UNSUPPORTED, "cudaStreamBeginCapture", stream)
            capture = Capture(next(self._capture_ids), mode, stream, pool, generators)
            self.trace.add("cudaStreamBeginCapture", stream=stream, detail=mode)
            self.captures.append(capture)

    def end_capture(self, stream: int) -> Capture:
        """Stop recording and return what was recorded. Raises 901, 903, 904 or 908; the capture is over either way."""
        with self.lock:
            self.require_alive()
            capture = next((found for found in self.captures if found.origin == stream), None)
            if capture is None:
                raise SimError(CAPTURE_UNMATCHED)
            self.captures.remove(capture)
            self.trace.add("cudaStreamEndCapture", stream=stream)
            if capture.mode != "relaxed" and capture.thread != threading.get_ident():
                raise SimError(CAPTURE_WRONG_THREAD)
            if capture.first_error is not None:
                raise SimError(CAPTURE_INVALIDATED)
            capture.require_joined()
            return capture

    def refuse_unsafe(self, call: str, stream: int, *, as_error: Exception | None = None) -> None:
        """Refuse a potentially unsafe call where a capture in progress forbids it, and invalidate that capture."""
        capture = next((found for found in self.captures if found.forbids_unsafe_call()), None)
        if capture is not None:
            self._refuse_in(capture, call, stream, as_error=as_error)

    def refuse_in_capture(self, call: str, stream: int) -> None:
        """Refuse a call that needs the host to wait for `stream`, when that stream is capturing."""
        if self.capture_of(stream) is not None:
            self._refuse(CAPTURE_UNSUPPORTED, call, stream)

    def _refuse(self, code: object, call: str, stream: int) -> NoReturn:
        capture = self.capture_of(stream)
        assert capture is not None
        self._refuse_in(capture, call, stream, code=code)

    def _refuse_in(
        self,
        capture: Capture,
        call: str,
        stream: int,
        *,
        code: object = CAPTURE_UNSUPPORTED,
        as_error: Exception | None = None,
    ) -> NoReturn:
        capture.require_valid()
        error = SimError(code, f"call: {call}")  # type: ignore[arg-type]
        capture.invalidate(error)
        if as_error is None:
            self.trace.add(call, stream=stream, result=error.code.number, capturing=True)
        raise as_error or error

    def _refuse_captured(self, event: EventState, call: str) -> None:
        if event.capture_id is None:
            return
        capture = next((found for found in self.captures if found.id == event.capture_id), None)
        if capture is None:
            raise SimError(CAPTURED_EVENT)
        self._refuse_in(capture, call, capture.origin, code=CAPTURED_EVENT)

    # running

    def require_alive(self) -> None:
        """Raise the sticky error again, once there was one: the context is dead."""
        if self.fault is not None:
            raise SimError(self.fault.code, self.fault.reason, fault=self.fault)

    def _queue(self, stream: int) -> StreamQueue:
        queue = self._streams.get(stream)
        if queue is None:
            queue = self._streams[stream] = StreamQueue(stream)
        return queue

    def _push(self, stream: int, work: Work) -> None:
        queue = self._queue(stream)
        queue.work.append(work)
        if not queue.held:
            self._run_ready(queue)

    def _run_ready(self, queue: StreamQueue) -> None:
        while queue.work and self.fault is None:
            first = queue.work[0]
            if isinstance(first, EventWait) and first.event.completed < first.sequence:
                return
            queue.work.popleft()
            self._run(first)

    def _drain(self, stream: int) -> None:
        queue = self._queue(stream)
        queue.held = False
        while queue.work and self.fault is None:
            first = queue.work[0]
            if isinstance(first, EventWait):
                self._complete(first.event, first.sequence)
            queue.work.popleft()
            self._run(first)

    def _complete(self, event: EventState, sequence: int) -> None:
        if event.completed < sequence and event.stream is not None and self.fault is None:
            self._drain(event.stream)

    def _poll(self, stream: int) -> None:
        queue = self._queue(stream)
        queue.polls += 1
        if queue.polls >= QUERIES_BEFORE_PROGRESS:
            self._drain(stream)

    def _run(self, work: Work) -> None:
        if isinstance(work, EventRecord):
            work.event.completed, work.event.completed_at = work.sequence, time.perf_counter()
            for queue in list(self._streams.values()):
                if queue.work and not queue.held:
                    self._run_ready(queue)
        elif isinstance(work, GraphLaunch):
            for node in work.graph.nodes:
                self._execute(node.work, graph=work.graph, node=node.index)
                if self.fault is not None:
                    return
        elif not isinstance(work, EventWait):
            self._execute(work)

    def _execute(self, work: NodeWork, *, graph: "CUDAGraph | None" = None, node: int | None = None) -> None:
        try:
            execute(work, self.arena, self.pinned)
        except AccessError as error:
            self._stop(work, error, graph, node)
        if isinstance(work, Copy) and work.on_done is not None and graph is None:
            work.on_done()

    def _stop(self, work: NodeWork, error: AccessError, graph: "CUDAGraph | None", node: int | None) -> None:
        owner = self.allocator.last_owner(error.address) if error.address is not None else None
        self.fault = Fault(
            code=error.code,
            kernel=work.name,
            argument=error.argument,
            address=error.address,
            launch_stack=work.stack,
            graph_id=graph.id if graph is not None else None,
            node=node,
            allocation_stack=owner.allocation_site if owner is not None else (),  # type: ignore[arg-type]
            free_stack=(owner.free_site or ()) if owner is not None else (),  # type: ignore[arg-type]
            reason=error.reason,
        )
        for queue in self._streams.values():
            queue.work.clear()


_gpu: Gpu | None = None


def current_gpu() -> Gpu:
    """The device of this process, made on first use."""
    global _gpu
    if _gpu is None:
        _gpu = Gpu()
    return _gpu


def reset(memory_bytes: int = MEMORY_BYTES) -> Gpu:
    """Replace the device by a fresh one, as a new process would have it. Tensors of the old one must not be used."""
    global _gpu
    _gpu = Gpu(memory_bytes)
    return _gpu
