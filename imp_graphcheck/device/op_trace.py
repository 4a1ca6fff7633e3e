"""Which torch operators a piece of code calls, from which lines: the same on every device.

Inside a capture its position after each operator tells which nodes it launched. Nothing is read from the device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imp_graphcheck.device.host_stack import overwrite_host_stack
from imp_graphcheck.device.operator_mode import OperatorMode
from imp_graphcheck.device.stack import RawStack, take_stack

_ALLOCATES = ("aten::empty", "aten::new_empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One operator call. `began` and `ended` are the positions of the capture before and after it.

    `escaped`: it ran on a stream that was not capturing, while the capture was going on. `works`: it does something with
    the contents of tensors; a view does not, nor does an allocation.
    """

    op: str
    stack: RawStack
    began: int = 0
    ended: int = 0
    escaped: bool = False
    works: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An operator that raised `error`. `reads_back`: it would have copied from the device to the host."""

    op: str
    stack: RawStack
    error: Exception
    reads_back: bool


class OpTrace(OperatorMode):
    """Records every operator on tensors of a device type while the context is active, and the first that raises.

    `device` is that type: what a software device does on the host in its own name is not the program's. `position` says
    how far the capture in progress has come; None outside captures. `is_capturing` says whether the current stream is one
    of it; `observe` is told of every argument and result. `clean_stack`: what an operator leaves unwritten in the
    parameters of its kernels is the same in every trace.
    """

    def __init__(
        self,
        device: str,
        position: Callable[[], int] | None = None,
        is_capturing: Callable[[], bool] | None = None,
        observe: Callable[..., None] | None = None,
        clean_stack: bool = False,
    ) -> None:
        super().__init__()
        self.launches: list[Launch] = []
        self.refused: Refusal | None = None
        self._device = device
        self._position = position
        self._is_capturing = is_capturing
        self._observe = observe
        self._clean_stack = clean_stack
        self._before = 0
        self._known: dict[Any, tuple[str, bool]] = {}

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._observe is not None:
            self._observe((*args, *kwargs.values()))
        if self._clean_stack:
            overwrite_host_stack()
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            if self.refused is None:
                reads_back = _reads_back(args, kwargs, self._device)
                self.refused = Refusal(op=str(func), stack=take_stack(3), error=error, reads_back=reads_back)
            raise
        if self._observe is not None:
            self._observe((result,), created=True)
        if not (_on_device(result, self._device) or _on_device((args, kwargs), self._device)):
            return result
        capturing = self._is_capturing is None or self._is_capturing()
        after = self._before
        if self._position is not None and capturing:
            after = self._position()
        known = self._known.get(func)
        if known is None:
            known = self._known[func] = (str(func), works(func))
        name, is_work = known
        self.launches.append(
            Launch(
                op=name,
                stack=take_stack(3),
                began=self._before,
                ended=after,
                escaped=not capturing,
                works=is_work,
            )
        )
        self._before = after
        return result


def _on_device(value: object, device: str) -> bool:
    if isinstance(value, torch.Tensor):
        return value.device.type == device
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for item in items:  # a loop, since this is asked for every operator  # noqa: SIM110
        if _on_device(item, device):
            return True
    return False


def allocates(func: Any) -> bool:
    """Whether an operator makes a tensor and leaves its content to chance."""
    return bool(func._schema.name.startswith(_ALLOCATES))


def works(func: Any) -> bool:
    """Whether an operator does something with the contents of tensors; a view does not, nor does an allocation."""
    schema = func._schema
    if allocates(func) or torch.Tag.inplace_view in func.tags:
        return False
    returns_a_view = any(result.alias_info is not None for result in schema.returns)
    return not returns_a_view or schema.is_mutable


def _reads_back(args: tuple[Any, ...], kwargs: dict[str, Any], device: str) -> bool:
    """Whether an operator takes what is on the device to the host: `.cpu()`, `.tolist()`, `host.copy_(tensor)`."""
    target = kwargs.get("device", args[0].device if args and isinstance(args[0], torch.Tensor) else None)
    return _on_device(args, device) and target is not None and torch.device(target).type == "cpu"


def launch_of_node(
    launches: Sequence[Launch], nodes_at: Callable[[int], int] | None = None
) -> dict[int, Launch]:
    """The operator that made each node, by the order in which nodes were created.

    `nodes_at` says how many nodes there were at a position; without it, positions are that number.
    """
    count = nodes_at or int
    return {node: launch for launch in launches for node in range(count(launch.began), count(launch.ended))}
