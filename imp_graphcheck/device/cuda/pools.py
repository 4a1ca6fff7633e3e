"""Private pools: the device memory that belongs to a graph."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from imp_graphcheck.record.memory import DEFAULT_POOL as DEFAULT_POOL_NAME

Segment = Mapping[str, Any]
PoolId = tuple[int, int]

DEFAULT_POOL: PoolId = (0, 0)
UNKNOWN_POOL = "unknown"


def pool_name(pool: PoolId | None) -> str:
    """A pool in the words of the record; None is the pool of a segment that went before anybody looked at it."""
    if pool is None:
        return UNKNOWN_POOL
    return DEFAULT_POOL_NAME if pool == DEFAULT_POOL else f"pool {pool[0]}:{pool[1]}"


def pool_of(graph: Any) -> PoolId:
    """The private pool of `graph`. Raises RuntimeError where it has none, as before its capture."""
    first, second = graph.pool()
    return first, second


def pool_segments(graph: Any) -> list[Segment]:
    """The segments of the private pool of `graph`. Raises RuntimeError where it has none, as before its capture."""
    pool = pool_of(graph)
    # Asking for one pool spares the walk over the weights; the filter holds where torch answers for all.
    segments = torch.cuda.memory_snapshot(pool, include_traces=False)  # type: ignore[no-untyped-call]
    return [segment for segment in segments if tuple(segment["segment_pool_id"]) == pool]


def total_bytes(segments: Iterable[Segment]) -> int:
    """The device memory that `segments` take, in use or not."""
    return sum(segment["total_size"] for segment in segments)


def contains(segments: Iterable[Segment], address: int) -> bool:
    """Whether one of `segments` holds `address`."""
    return any(
        segment["address"] <= address < segment["address"] + segment["total_size"] for segment in segments
    )
