"""The operators of one forward: what each read, what it wrote, and where that lay."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imp_graphcheck.device import Device
from imp_graphcheck.device.op_trace import Launch, allocates, works
from imp_graphcheck.device.operator_mode import OperatorMode
from imp_graphcheck.device.place import Place, place_of
from imp_graphcheck.device.stack import take_stack

Tensors = Sequence[torch.Tensor]


@dataclass(frozen=True, slots=True)
class Operator:
    """One call. `reads` are its tensors by the names of its schema; `writes` what it changed in place, then its results."""

    launch: Launch
    reads: tuple[tuple[str, Place], ...]
    writes: tuple[Place, ...]


class OpLog(OperatorMode):
    """Records every operator that does something with tensors of the device, in `operators`; and in `allocations` those
    that only make a tensor, whose content is nobody's.

    `before` is told the number of the next operator, its tensors, and which of them it changes; `after` its number and
    what it wrote; `allocated` what was made. `in_capture`: nothing may be launched, so nobody is told, and the positions
    of the capture are noted.
    """

    def __init__(
        self,
        device: Device,
        *,
        in_capture: bool = False,
        before: Callable[[int, Tensors, Tensors], None] = lambda number, tensors, changed: None,
        after: Callable[[int, Tensors], None] = lambda number, written: None,
        allocated: Callable[[Tensors], None] = lambda made: None,
    ) -> None:
        super().__init__()
        self.operators: list[Operator] = []
        self.allocations: list[Operator] = []
        self._device = device
        self._in_capture = in_capture
        self._before, self._after, self._allocated = before, after, allocated
        self._position = 0

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not works(func):
            result = func(*args, **kwargs)
            self._made(func, result)
            return result
        given = list(self._given(func, args, kwargs))
        changed = [tensor for _, tensor, written in given if written]
        reads = tuple([(name, place_of(tensor)) for name, tensor, _ in given])
        if not self._in_capture:
            self._before(len(self.operators), [tensor for _, tensor, _ in given], changed)
        result = func(*args, **kwargs)
        written = [*changed, *self._results(func, result)]
        if given or written:
            launch = self._launched(func)
            self.operators.append(Operator(launch, reads, tuple(map(place_of, written))))
            if not self._in_capture:
                self._after(len(self.operators) - 1, written)
        return result

    def _made(self, func: Any, result: Any) -> None:
        if not allocates(func):
            return
        made = list(self._ours(result))
        if made:
            self.allocations.append(Operator(self._launched(func), (), tuple(map(place_of, made))))
            if not self._in_capture:
                self._allocated(made)

    def _launched(self, func: Any) -> Launch:
        began = self._position
        if self._in_capture and self._device.module.is_current_stream_capturing():
            self._position = self._device.capture_position()
        return Launch(op=str(func), stack=take_stack(4), began=began, ended=self._position)

    def _given(
        self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Iterator[tuple[str, torch.Tensor, bool]]:
        """The tensors among the arguments, with their names, and whether the operator writes them."""
        for place, argument in enumerate(func._schema.arguments):
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            written = argument.alias_info is not None and argument.alias_info.is_write
            tensors = list(self._ours(value))
            for number, tensor in enumerate(tensors):
                yield f"{argument.name}[{number}]" if len(tensors) > 1 else argument.name, tensor, written

    def _results(self, func: Any, result: Any) -> list[torch.Tensor]:
        """The new tensors that it returned."""
        returned = result if isinstance(result, tuple) else (result,)
        return [
            tensor
            for schema, value in zip(func._schema.returns, returned, strict=False)
            if schema.alias_info is None
            for tensor in self._ours(value)
        ]

    def _ours(self, value: Any) -> Iterator[torch.Tensor]:
        """The tensors of the device in `value` that have elements."""
        if isinstance(value, torch.Tensor):
            if value.device.type == self._device.kind and value.layout == torch.strided and value.numel():
                yield value
        elif isinstance(value, list | tuple):
            for item in value:
                yield from self._ours(item)
