"""The arguments of a call, with tensors taken out and everything else frozen by value."""

from typing import Any

import torch

from imp_graphcheck.device.sim.facts import Facts
from imp_graphcheck.device.sim.tensors import operand_of
from imp_graphcheck.device.sim.work import Operand, slot

DEVICE_TYPE = "sim"


class Arguments:
    """`args` and `kwargs` hold slots for `tensors`, which `operands` describe.

    `promoted` are the positions of numbers that stand where the operator takes a tensor.
    """

    def __init__(self, facts: Facts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tensors: list[torch.Tensor] = []
        self.operands: list[Operand] = []
        self.promoted: list[int] = []
        self._facts = facts
        self.args = tuple([self._take(index, value) for index, value in enumerate(args)])
        self.kwargs = {name: self._take(facts.position[name], value) for name, value in kwargs.items()}

    @property
    def written(self) -> list[torch.Tensor]:
        """The tensors that the operator writes."""
        return [
            tensor for tensor, operand in zip(self.tensors, self.operands, strict=True) if operand.written
        ]

    def describe_again(self, tensor: torch.Tensor) -> None:
        """`tensor` has a new shape."""
        for index, known in enumerate(self.tensors):
            if known is tensor:
                old = self.operands[index]
                self.operands[index] = operand_of(tensor, old.name, old.written)

    def promote(self) -> None:
        """Put tensors where the operator insists on them, of the type that such a number takes on."""
        args = list(self.args)
        for index in self.promoted:
            dtype = torch.result_type(self.tensors[0], args[index])
            args[index] = torch.tensor(args[index], dtype=dtype)
        self.args = tuple(args)

    def _take(self, index: int, value: Any) -> Any:
        facts = self._facts
        if isinstance(value, torch.Tensor):
            return self._tensor(value, facts.parameters[index], facts.writes[index])
        if isinstance(value, list | tuple):
            name, written = facts.parameters[index], facts.writes[index]
            return [
                self._tensor(item, f"{name}[{place}]", written) if isinstance(item, torch.Tensor) else item
                for place, item in enumerate(value)
            ]
        if facts.takes_tensor[index] and value is not None:
            self.promoted.append(index)
        return value

    def _tensor(self, tensor: torch.Tensor, name: str, written: bool) -> Any:
        if tensor.device.type != DEVICE_TYPE:
            if tensor.device.type == "cpu" and tensor.dim() == 0 and not written:
                return tensor.detach().clone()  # read by the host at launch: its value is frozen
            if tensor.device.type == "cpu" and name.startswith("indices"):
                tensor = tensor.to(DEVICE_TYPE)
            else:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"{DEVICE_TYPE}:0 and {tensor.device}! (argument {name} of {self._facts.name})"
                )
        self.tensors.append(tensor)
        self.operands.append(operand_of(tensor, name, written))
        return slot(len(self.operands) - 1)
