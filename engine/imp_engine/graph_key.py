"""What a graph is filed under."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """The two kinds of step an engine takes."""

    PREFILL = "prefill"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class GraphKey:
    """Everything about a step that the host may bake into a captured graph; all else must live on the device.

    tokens: rows of the forward pass, padding included. sequences: rows of the block table. capacity: context slots
    that attention looks through, a multiple of the block size. logit_rows: rows that logits are computed for.
    """

    phase: Phase
    tokens: int
    sequences: int
    capacity: int
    logit_rows: int

    def __str__(self) -> str:
        return f"{self.phase} {self.tokens} tokens x {self.sequences} sequences, capacity {self.capacity}"
