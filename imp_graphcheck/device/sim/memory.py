"""The memory of one software GPU: device and pinned host memory, and the tensors that own pieces of them.

A tensor may die anywhere, also in the garbage collector while an allocator is in the middle of a step. Such a free is
put off until the step is done; every other one is seen at once.
"""

import threading
from collections import deque
from collections.abc import Callable

import torch

from imp_graphcheck.device.sim import dlpack
from imp_graphcheck.device.sim.allocator import Allocation, CachingAllocator, PoolId, Segment
from imp_graphcheck.device.sim.arena import Arena
from imp_graphcheck.device.sim.host_memory import HostBlock, PinnedMemory
from imp_graphcheck.device.stack import RawStack, take_stack

_FRAMES_OF_A_FREE = 4
"""take_stack's own, this module's two and the one of `dlpack` that called them are no part of the program."""


class Memory:
    """Allocates tensors and hears of their death. `lock` is the device's own."""

    def __init__(self, device_bytes: int, pinned_bytes: int, lock: threading.RLock) -> None:
        self.arena = Arena(device_bytes)
        self.allocator = CachingAllocator(self.arena)
        self.pinned = PinnedMemory(pinned_bytes)
        self._lock = lock
        self._step = _Step(lock)

    def device_tensor(
        self,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        dtype: torch.dtype,
        size_bytes: int,
        *,
        pool: PoolId,
        stream: int,
        stack: RawStack,
    ) -> torch.Tensor | None:
        """A tensor of that layout over a new allocation; None when memory is exhausted. `dtype` is of dlpack.TYPES."""
        with self._step:
            allocation = self.allocator.allocate(size_bytes, pool=pool, stream=stream, site=stack)
        if allocation is None:
            return None
        return dlpack.tensor_over(
            allocation.address,
            shape,
            strides,
            dtype,
            kind=dlpack.KDL_EXTENSION,
            on_free=lambda: self._free_device(allocation),
        )

    def pinned_tensor(self, size_bytes: int, *, stack: RawStack) -> torch.Tensor | None:
        """A 1-D uint8 CPU tensor over pinned memory; None when it is exhausted."""
        with self._step:
            block = self.pinned.allocate(size_bytes, stack)
        if block is None:
            return None
        return dlpack.tensor_over(
            block.address,
            (size_bytes,),
            (1,),
            torch.uint8,
            kind=dlpack.KDL_CPU,
            on_free=lambda: self._free_pinned(block),
        )

    def copy_done(self, block: HostBlock) -> None:
        """A queued copy from or to `block` has run."""
        with self._step:
            self.pinned.done(block)

    def unmap_free_segments(self) -> list[Segment]:
        """Give back to the driver what nobody uses; returns the segments that went."""
        with self._step:
            return self.allocator.empty_cache()

    def _free_device(self, allocation: Allocation) -> None:
        stack = take_stack(_FRAMES_OF_A_FREE)
        self._do(lambda: self.allocator.free(allocation.address, site=stack))

    def _free_pinned(self, block: HostBlock) -> None:
        stack = take_stack(_FRAMES_OF_A_FREE)
        self._do(lambda: self.pinned.free(block, stack))

    def _do(self, free: Callable[[], object]) -> None:
        with self._lock:
            # The lock is ours, so a step in progress is one of this very thread, further up its stack.
            if self._step.active:
                self._step.put_off.append(free)
            else:
                with self._step:
                    free()


class _Step:
    """One change of an allocator, from one consistent state to the next. What it put off is done at its end."""

    def __init__(self, lock: threading.RLock) -> None:
        self.active = False
        self.put_off: deque[Callable[[], object]] = deque()
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire()
        self.active = True

    def __exit__(self, *error: object) -> None:
        try:
            while self.put_off:
                self.put_off.popleft()()
        finally:
            self.active = False
            self._lock.release()
