"""What a factory of the user's own returns."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import torch

from imp_engine.graph import Output


class Target(Protocol):
    """A program whose `forward` is captured into a graph per key and replayed.

    Per call, in this order: `prepare` (outside the graph: refresh static inputs in place), `forward` (captured once
    per key; on a replay only the recorded device work runs, none of its Python), `between`.

    Optional, looked up by name: `state() -> Mapping[str, torch.Tensor]`, the persistent tensors that calls change
    (a KV cache, recurrent state), which the tool sets back between arms and compares; `between(call)`, what the
    program does before the next `prepare` (allocations, frees, another phase); `prewarm()`, once before anything is
    captured; `padding(call) -> Mapping[str, torch.Tensor]`, views of the static inputs that are padding in this call, which
    a probe fills with other content; `teardown()`.
    """

    name: str

    def setup(self, device: torch.device) -> None:
        """Build everything on `device`."""
        ...

    def calls(self) -> Sequence[Any]:
        """The workload: one element per call, whatever differs from one to the next.

        An element with an attribute or key `request` belongs to that request; requests are then also run in
        reverse order, so they must not depend on each other.
        """
        ...

    def key(self, call: Any) -> Hashable:
        """What the graph of `call` is filed under: calls with equal keys share one graph."""
        ...

    def prepare(self, call: Any) -> None:
        """Refresh the static inputs for `call`."""
        ...

    def forward(self, call: Any) -> Output:
        """The region that is captured. Python numbers read in here are frozen by the capture."""
        ...
