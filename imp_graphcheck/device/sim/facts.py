"""What the schema of an operator says, read once for each operator."""

from dataclasses import dataclass
from functools import cache

import torch

from imp_graphcheck.device.sim.handles import library_of

_NO_DATA = frozenset({"aten::set_", "aten::is_set_to"})


@dataclass(frozen=True, slots=True)
class Facts:
    """One operator. Parameters are listed in the schema's order, keyword-only ones last."""

    name: str
    parameters: tuple[str, ...]
    writes: tuple[bool, ...]
    takes_tensor: tuple[bool, ...]
    position: dict[str, int]
    moves_no_data: bool
    answers_host: bool
    takes_generator: bool
    takes_out: bool
    returns_list: bool
    returns: int
    library: str | None
    refuses_numbers: bool
    scalar_twin: torch._ops.OpOverload | None


@cache
def facts_of(op: torch._ops.OpOverload) -> Facts:
    """The facts of `op`."""
    schema = op._schema
    parameters = tuple(parameter.name for parameter in schema.arguments)
    returned = [str(result.type) for result in schema.returns]
    return Facts(
        name=schema.name,
        parameters=parameters,
        writes=tuple(_is_written(parameter) for parameter in schema.arguments),
        takes_tensor=tuple(str(parameter.type) == "Tensor" for parameter in schema.arguments),
        position={name: index for index, name in enumerate(parameters)},
        moves_no_data=op.is_view or schema.name in _NO_DATA,
        answers_host=_answers_host(op, returned),
        takes_generator="generator" in parameters,
        takes_out=any(parameter.is_out for parameter in schema.arguments),
        returns_list=len(returned) == 1 and returned[0].startswith("List["),
        returns=len(returned),
        library=library_of(schema.name),
        refuses_numbers=_refuses_numbers(op),
        scalar_twin=_scalar_twin(op),
    )


def _is_written(parameter: torch.Argument) -> bool:
    return parameter.alias_info is not None and parameter.alias_info.is_write


def _answers_host(op: torch._ops.OpOverload, returned: list[str]) -> bool:
    """Whether the host has to look at device data to know what comes back."""
    if torch.Tag.dynamic_output_shape in op.tags or torch.Tag.data_dependent_output in op.tags:
        return True
    return bool(returned) and not any("Tensor" in kind for kind in returned)


def _refuses_numbers(op: torch._ops.OpOverload) -> bool:
    return not torch._C._should_allow_numbers_as_tensors(op._schema.name.removeprefix("aten::"))


def _scalar_twin(op: torch._ops.OpOverload) -> torch._ops.OpOverload | None:
    """The overload that takes a number where `op` takes its second tensor."""
    name = op._schema.overload_name
    twin = "Scalar_out" if name == "out" else name.replace("Tensor", "Scalar")
    is_another = twin != name and twin in op.overloadpacket.overloads()
    return getattr(op.overloadpacket, twin) if is_another else None
