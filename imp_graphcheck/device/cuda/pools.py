"""Private pools: the device memory that belongs to a graph."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

Segment = Mapping[str, Any]


def pool_segments(graph: Any) -> list[Segment]:
    """The segments of the private pool of `graph`. Raises RuntimeError where it has none, as before its capture."""
    pool = tuple(graph.pool())
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
