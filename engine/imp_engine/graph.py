"""One captured graph, and the side stream that warm-ups and captures share.

Note [one side stream]
    Libraries keep workspaces per handle and stream. What the warm-up initialises is of use to the capture only if
    both happen on the same stream, so all of a runner's do. The stream waits for the caller's stream before it runs
    anything, and the caller's stream waits for it after: memory that crosses over is therefore never reused early.
"""

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from imp_engine.errors import GraphError

Output = Tensor | Sequence["Output"] | Mapping[str, "Output"]
"""What a step may return: tensors, nested as the program likes."""

Result = TypeVar("Result", bound=Output)
Returned = TypeVar("Returned")


@dataclass(slots=True)
class CapturedGraph:
    """A captured step. `output` is memory of the graph: a replay of this graph rewrites it, no other graph does."""

    key: Hashable
    graph: Any
    """The `CUDAGraph` of the device's torch module; kept, so that its nodes can be read."""
    output: Output
    capture_seconds: float
    replays: int = 0


def graph_module(device: torch.device) -> Any | None:
    """The torch module (`torch.cuda` or one of the same surface) that makes graphs on `device`; None without any."""
    module = torch.get_device_module(device)
    return module if hasattr(module, "CUDAGraph") else None


class CaptureStream:
    """The side stream of one runner; see Note [one side stream]."""

    def __init__(self, device: torch.device, module: Any) -> None:
        self.device = device
        self.module = module
        self.stream = module.Stream(device=device)

    def run(self, action: Callable[[], Returned]) -> Returned:
        """Run `action` eagerly on the side stream, in order with the caller's stream."""
        caller = self.module.current_stream(self.device)
        self.stream.wait_stream(caller)
        with self.module.stream(self.stream):
            returned = action()
        caller.wait_stream(self.stream)
        return returned

    def capture(
        self, key: Hashable, forward: Callable[[], Output], *, mode: str, pool: Any | None
    ) -> CapturedGraph:
        """Capture `forward`, executing nothing.

        If that fails, the first error goes up, whatever torch raised last, and the stream captures no longer.
        """
        if self.module.is_current_stream_capturing():
            raise GraphError(
                f"The capture of {key} was asked for inside another capture.", "Capture one at a time."
            )
        handled_before = sys.exception()
        started = perf_counter()
        graph = self.module.CUDAGraph(keep_graph=True)
        try:
            # The outer context is not redundant: when ending the capture fails, torch leaves its own stream current.
            with (
                self.module.stream(self.stream),
                self.module.graph(graph, pool=pool, stream=self.stream, capture_error_mode=mode),
            ):
                output = forward()
        except Exception as error:
            self._end_capture(graph)
            first = first_error(error, handled_before=handled_before)
            if first is error:
                raise
            raise first from None
        return CapturedGraph(key, graph, output, capture_seconds=perf_counter() - started)

    def _end_capture(self, graph: Any) -> None:
        """Make sure that a failed capture is over.

        Torch ends it on the way out, except where the program left another stream current: it then refuses.
        """
        with self.module.stream(self.stream):
            if not self.module.is_current_stream_capturing():
                return
            try:
                graph.capture_end()
            except RuntimeError:
                # Expected, since the capture is invalid. What matters is whether the stream is free now.
                if self.module.is_current_stream_capturing():
                    raise


def first_error(error: BaseException, *, handled_before: BaseException | None = None) -> BaseException:
    """The earliest error behind `error`: whatever follows it in a capture is its consequence.

    handled_before: the exception that was being handled when the capture began. Python chains it too, but it is
    no part of the story.
    """
    while True:
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None or earlier is handled_before:
            return error
        error = earlier
