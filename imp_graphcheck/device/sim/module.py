"""`torch.sim`: the module of the device type, with the part of `torch.cuda`'s surface that graph programs use."""

from typing import Any

import torch

from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.graph import CUDAGraph, graph, graph_pool_handle
from imp_graphcheck.device.sim.streams import (
    SimEvent as Event,
)
from imp_graphcheck.device.sim.streams import (
    SimStream as Stream,
)
from imp_graphcheck.device.sim.streams import (
    current_stream,
    set_stream,
    sleep,
)
from imp_graphcheck.device.sim.streams import (
    stream_context as stream,
)

__all__ = [
    "CUDAGraph",
    "Event",
    "Stream",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_rng_state",
    "graph",
    "graph_pool_handle",
    "initial_seed",
    "is_available",
    "is_current_stream_capturing",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_stream",
    "stream",
    "synchronize",
]

_sleep = sleep


def is_available() -> bool:
    """There is always a software GPU."""
    return True


def is_initialized() -> bool:
    """It needs no initialisation."""
    return True


def device_count() -> int:
    """One."""
    return 1


def current_device() -> int:
    """Always 0."""
    return 0


def set_device(device: Any) -> None:
    """There is only one device."""


class device:  # noqa: N801 - the name is torch.cuda's
    """Context manager that changes nothing: there is only one device."""

    def __init__(self, device: Any) -> None:
        self.idx = 0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def get_device_name(device: Any = None) -> str:
    """The name of the device."""
    return "software GPU"


def default_stream(device: Any = None) -> Stream:
    """Stream 0."""
    return Stream(stream_id=0)


def synchronize(device: Any = None) -> None:
    """Wait for every stream."""
    current_gpu().synchronize_device()


def empty_cache() -> None:
    """Unmap cached memory that nobody uses."""
    current_gpu().empty_cache()


def memory_allocated(device: Any = None) -> int:
    """Bytes in live allocations."""
    return current_gpu().allocator.allocated_bytes


def memory_reserved(device: Any = None) -> int:
    """Bytes in mapped segments."""
    return current_gpu().allocator.reserved_bytes


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total device memory in bytes."""
    arena = current_gpu().arena
    return arena.capacity_bytes - arena.mapped_bytes, arena.capacity_bytes


def is_current_stream_capturing() -> bool:
    """Whether the current stream takes part in a capture."""
    return current_gpu().capture_of(current_stream().stream_id) is not None


def manual_seed(seed: int) -> None:
    """Seed the default generator. A capture that may use it allows only the seed that it already has."""
    gpu = current_gpu()
    if gpu.captures and seed != gpu.generator.initial_seed():
        raise RuntimeError(
            "CUDAGeneratorImpl::set_current_seed can be called during stream capture only if new seed is the "
            "same as the original seed."
        )
    if not gpu.captures:
        gpu.generator.manual_seed(seed)


def seed_all() -> None:
    """Seed the default generator with a number that nobody knows; called by torch.seed."""
    current_gpu().generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return current_gpu().generator.initial_seed()


def get_rng_state(device: Any = None) -> torch.Tensor:
    """The state of the default generator, on the host."""
    return current_gpu().generator.get_state()


def set_rng_state(new_state: torch.Tensor, device: Any = None) -> None:
    """Put the default generator into a state that `get_rng_state` returned."""
    current_gpu().generator.set_state(new_state)


def manual_seed_all(seed: int) -> None:
    """Seed the default generator; called by torch.manual_seed."""
    manual_seed(seed)


def _is_in_bad_fork() -> bool:
    return False


def get_amp_supported_dtype() -> list[torch.dtype]:
    """Types that autocast may use."""
    return [torch.float16, torch.bfloat16]
