"""Streams as queues of work: what runs when, and the error that ends it all.

Work runs as soon as it is queued, unless its stream is held (see `hold`) or waits for an event of one that is.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from imp_graphcheck.device.sim.errors import Fault, SimError
from imp_graphcheck.device.sim.execute import AccessError, execute
from imp_graphcheck.device.sim.memory import Memory
from imp_graphcheck.device.sim.work import (
    Copy,
    EventRecord,
    EventWait,
    GraphLaunch,
    Launch,
    NodeLaunch,
    NodeWork,
    Recording,
    Work,
)

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.graph import CUDAGraph

QUERIES_BEFORE_PROGRESS = 64
"""A held stream moves on after this many polls, so that a polling loop ends."""


@dataclass(slots=True, eq=False)
class Queue:
    """Work of one stream that has not run. A held one keeps its work until somebody waits for it."""

    work: deque[Work] = field(default_factory=deque)
    held: bool = False
    polls: int = 0


class Queues:
    """The queues of every stream. Not locked: the caller serialises."""

    def __init__(self, memory: Memory) -> None:
        self.fault: Fault | None = None
        self._memory = memory
        self._queues: dict[int, Queue] = {}

    def require_alive(self) -> None:
        """Raise the sticky error again, once there was one: the context is dead."""
        if self.fault is not None:
            raise SimError(self.fault.code, self.fault.reason, fault=self.fault)

    def push(self, stream: int, work: Work) -> None:
        """Queue `work`, and run it unless something is in its way."""
        queue = self._queue(stream)
        queue.work.append(work)
        if queue.held and _draws(work):
            # A launch on a GPU carries the seed that it was queued with; here a kernel draws when it runs, so it runs now.
            self.drain(stream)
        if not queue.held:
            self._run_ready(queue)

    def hold(self, stream: int) -> None:
        """Keep what is queued on `stream` from here on until somebody waits for it: the GPU is behind."""
        queue = self._queue(stream)
        queue.held, queue.polls = True, 0

    def is_idle(self, stream: int) -> bool:
        """Whether everything queued on `stream` has run."""
        return not self._queue(stream).work

    def poll(self, stream: int) -> None:
        """Somebody asked how far `stream` is."""
        queue = self._queue(stream)
        queue.polls += 1
        if queue.polls >= QUERIES_BEFORE_PROGRESS:
            self.drain(stream)

    def drain(self, stream: int) -> None:
        """Run everything queued on `stream`, and what it waits for."""
        queue = self._queue(stream)
        queue.held = False
        while queue.work and self.fault is None:
            work = queue.work.popleft()
            if isinstance(work, EventWait):
                self.complete(work.recording)
            else:
                self._run(work)

    def drain_all(self) -> None:
        """Run everything that is queued anywhere."""
        for stream in list(self._queues):
            self.drain(stream)

    def complete(self, recording: Recording) -> None:
        """Run what `recording` stands behind."""
        if not recording.done:
            self.drain(recording.stream)

    def _queue(self, stream: int) -> Queue:
        queue = self._queues.get(stream)
        if queue is None:
            queue = self._queues[stream] = Queue()
        return queue

    def _run_ready(self, queue: Queue) -> None:
        while queue.work and self.fault is None:
            first = queue.work[0]
            if isinstance(first, EventWait) and not first.recording.done:
                return
            queue.work.popleft()
            self._run(first)

    def _run(self, work: Work) -> None:
        if isinstance(work, EventRecord):
            work.recording.done, work.recording.at = True, time.perf_counter()
            for queue in list(self._queues.values()):
                if queue.work and not queue.held:
                    self._run_ready(queue)
        elif isinstance(work, GraphLaunch):
            for node in work.graph.nodes:
                if self.fault is None:
                    self._execute(node.work, graph=work.graph, node=node.index)
        elif isinstance(work, NodeLaunch):
            self._execute(work.node.work, graph=work.graph, node=work.node.index)
        elif not isinstance(work, EventWait):
            self._execute(work)
            if isinstance(work, Copy) and work.on_done is not None:
                work.on_done()

    def _execute(self, work: NodeWork, *, graph: "CUDAGraph | None" = None, node: int | None = None) -> None:
        try:
            execute(work, self._memory.arena, self._memory.pinned)
        except AccessError as error:
            self._stop(work, error, graph, node)

    def _stop(self, work: NodeWork, error: AccessError, graph: "CUDAGraph | None", node: int | None) -> None:
        owner = self._memory.allocator.last_owner(error.address) if error.address is not None else None
        self.fault = Fault(
            code=error.code,
            kernel=work.name,
            argument=error.argument,
            address=error.address,
            launch_stack=work.stack,
            graph_id=graph.id if graph is not None else None,
            node=node,
            allocation_stack=owner.allocation_site if owner is not None else (),
            free_stack=owner.free_site if owner is not None else (),
            reason=error.reason,
        )


def _draws(work: Work) -> bool:
    """Whether `work` takes random numbers."""
    if isinstance(work, GraphLaunch):
        return any(_draws(node.work) for node in work.graph.nodes)
    return isinstance(work, Launch) and any(
        isinstance(value, torch.Generator) for value in (*work.args, *work.kwargs.values())
    )
