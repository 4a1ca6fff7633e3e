"""Torch's switch for remembering what its allocator does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

MAX_ENTRIES = 200_000
"""Events that are kept between two drains, the newest ones. One takes about a KB."""

Event = Mapping[str, Any]
Segment = Mapping[str, Any]

_SKIPPED = ["free_completed", "segment_alloc", "segment_map", "oom", "snapshot"]
"""Events that nobody here reads. A free counts from its request: from then on the program has no right to it."""

_MARK = "imp-graphcheck:"


@dataclass(frozen=True, slots=True)
class Drained:
    """What happened since the last time, and what is there now."""

    events: Sequence[Event]
    segments: Sequence[Segment]


def start(max_entries: int = MAX_ENTRIES) -> None:
    """Begin to remember, with nothing remembered. Python frames only: native ones name no line of the program.

    Called again it forgets what was remembered, and goes on.
    """
    torch.cuda.memory._record_memory_history(
        "all", stacks="python", max_entries=max_entries, clear_history=True, skip_actions=_SKIPPED
    )


def stop() -> None:
    """Stop, and forget. Torch has one switch for the process."""
    torch.cuda.memory._record_memory_history(None)
    torch.cuda.memory._set_memory_metadata("")


def look(device: int) -> Drained:
    """The events that torch remembers of `device`, and the segments it has now."""
    taken: Mapping[str, Any] = torch.cuda.memory._snapshot()
    traces = taken["device_traces"]
    segments = [segment for segment in taken["segments"] if segment["device"] == device]
    return Drained(traces[device] if device < len(traces) else (), segments)


def mark(number: int) -> None:
    """Let every event from now on carry `number`."""
    torch.cuda.memory._set_memory_metadata(f"{_MARK}{number}")


def mark_of(event: Event) -> int | None:
    """The number that `event` carries; None for one that carries none, or somebody else's text."""
    text: str = event.get("user_metadata", "")
    return int(text[len(_MARK) :]) if text.startswith(_MARK) else None
