"""Which torch operators a piece of code calls, from which lines: the same on every device.

Inside a capture the number of nodes after each operator tells which nodes it launched. Nothing is read from the
device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from imp_graphcheck.device.stack import RawStack, take_stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One operator call. `nodes` are the indices, in order of creation, of the graph nodes it made.

    `escaped`: it ran on a stream that was not capturing, while the capture was going on.
    """

    op: str
    stack: RawStack
    nodes: range = range(0)
    escaped: bool = False


class OpTrace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records every operator on tensors of a device type while the context is active.

    `device` is that type: what a software device does on the host in its own name is not the program's. `captured_nodes` counts the nodes of the capture in progress; None outside captures. `is_capturing` says whether the current stream is one of it; `observe` is told of every argument and result.
    """

    def __init__(
        self,
        device: str,
        captured_nodes: Callable[[], int] | None = None,
        is_capturing: Callable[[], bool] | None = None,
        observe: Callable[..., None] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.launches: list[Launch] = []
        self._device = device
        self._captured_nodes = captured_nodes
        self._is_capturing = is_capturing
        self._observe = observe
        self._before = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self._observe is not None:
            self._observe((*args, *(kwargs or {}).values()))
        result = func(*args, **(kwargs or {}))
        if self._observe is not None:
            self._observe((result,), created=True)
        if not _on_device((args, kwargs, result), self._device):
            return result
        capturing = self._is_capturing is None or self._is_capturing()
        after = self._before
        if self._captured_nodes is not None and capturing:
            after = self._captured_nodes()
        self.launches.append(
            Launch(
                op=str(func),
                stack=take_stack(2),
                nodes=range(self._before, after),
                escaped=not capturing,
            )
        )
        self._before = after
        return result


def _on_device(value: object, device: str) -> bool:
    if isinstance(value, torch.Tensor):
        return value.device.type == device
    if isinstance(value, dict):
        return any(_on_device(item, device) for item in value.values())
    return isinstance(value, list | tuple) and any(_on_device(item, device) for item in value)


def launch_of_node(launches: Sequence[Launch]) -> dict[int, Launch]:
    """The operator that made each node, by the order in which nodes were created."""
    return {node: launch for launch in launches for node in launch.nodes}
