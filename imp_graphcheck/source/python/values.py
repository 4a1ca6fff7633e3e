"""What an expression may be, as far as reading tells: a tensor and where it lives, a host value, an object of a class."""

from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.source.guard_class import GuardClass

GroupKind = Literal["list", "tuple", "dict", "set", "modules"]
Memory = Literal["device", "host", "pinned"]
_MOST_OPTIONS = 6
_MOST_WORDS = 16


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """`memory` is None where nobody knows where it lives, `rank` and `is_bool` likewise. Not `is_sure`: it may be
    something else than a tensor.
    """

    memory: Memory | None = None
    is_bool: bool | None = None
    rank: int | None = None
    is_sure: bool = True

    @property
    def is_host(self) -> bool:
        return self.memory in ("host", "pinned")


@dataclass(frozen=True, slots=True)
class Host:
    """A value of the host that is no tensor: a number, a string, an array of numpy."""

    what: str = ""


@dataclass(frozen=True, slots=True)
class Const:
    """A value that is known. `why` says what makes it so: the environment, the platform, that something is captured."""

    value: object
    why: Literal["", "environment", "other platform", "not capturing"] = ""


PLAIN = (str, int, bool, type(None))
"""Types of which a constant, or a key of a dictionary, is kept as it is."""


@dataclass(frozen=True, slots=True)
class Device:
    """A torch.device, or whatever stands for one."""

    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """An object of a class of the tree. Not `is_exact`: or of a class below it."""

    cls: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class of the tree itself."""

    cls: int


@dataclass(frozen=True, slots=True)
class Func:
    """A function of the tree. `bound` is its object, `closure` the analysis that it was defined in, `given` and `named`
    are arguments that functools.partial holds.
    """

    number: int
    bound: "Value | None" = None
    closure: int = -1
    given: tuple["Value", ...] = ()
    named: tuple[tuple[str, "Value"], ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module of the tree, by its file; `package` is its dotted name."""

    file: str
    package: str = ""


@dataclass(frozen=True, slots=True)
class External:
    """Something outside of the tree, by its dotted name: a module, function or class."""

    path: str


@dataclass(frozen=True, slots=True)
class ExternalObject:
    """An object of a class outside of the tree. `options` are what its construction was given by name, where known."""

    path: str
    parts: tuple["Value", ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A list, tuple, dict or module container. `items` where they are known one by one, `element` what they all may be."""

    kind: GroupKind
    element: "Value"
    items: tuple["Value", ...] | None = None
    keys: tuple[object, ...] | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A method of something that is no object of the tree: `x.item` before it is called."""

    of: "Value"
    name: str


@dataclass(frozen=True, slots=True)
class Super:
    """`super()`: the classes after `after`, in the order of `cls`."""

    cls: int
    after: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """One of several."""

    options: tuple["Value", ...]


Value = (
    Unknown
    | Tensor
    | Host
    | Const
    | Device
    | Object
    | ClassRef
    | Func
    | ModuleRef
    | External
    | ExternalObject
    | Group
    | Method
    | Super
    | Options
)

UNKNOWN = Unknown()
NONE = Const(None)
NUMBER = Host("number")
TEXT = Host("text")
ARRAY = Host("numpy")
DEVICE_TENSOR = Tensor("device")


def options_of(value: Value) -> tuple[Value, ...]:
    """All that `value` may be."""
    return value.options if isinstance(value, Options) else (value,)


def join(*values: Value) -> Value:
    """What is one of `values`."""
    found: list[Value] = []
    tensor: Tensor | None = None
    for value in values:
        for each in options_of(value):
            if isinstance(each, Tensor):
                tensor = each if tensor is None else _either(tensor, each)
            elif isinstance(each, Group):
                _add_group(found, each)
            elif each not in found:
                found.append(each)
    if tensor is not None:
        found.append(tensor)
    if len(found) > 1 and all(isinstance(each, (Const, Host)) for each in found):
        are_words = all(isinstance(each, Const) and isinstance(each.value, str) for each in found)
        is_plain = all(not isinstance(each, Const) or not each.why for each in found)
        if are_words and len(found) <= _MOST_WORDS:
            return Options(tuple(found))
        if len(found) > 2 and is_plain:
            found = [NUMBER]
    if len(found) > _MOST_OPTIONS:
        groups = [each for each in found if isinstance(each, (Object, Func, ClassRef))]
        return UNKNOWN if len(groups) < len(found) - 2 or len(groups) > 40 else Options(tuple(groups))
    if not found:
        return UNKNOWN
    return found[0] if len(found) == 1 else Options(tuple(found))


def _add_group(found: list[Value], group: Group) -> None:
    """Lists that may be one another are one list of all that they hold."""
    for number, known in enumerate(found):
        if not isinstance(known, Group) or known.kind != group.kind:
            continue
        if known == group or group.items == ():
            return
        if known.items == ():
            found[number] = group
        elif known.items is not None and group.items is not None and len(known.items) == len(group.items):
            items = tuple(join(one, other) for one, other in zip(known.items, group.items, strict=True))
            keys = known.keys if known.keys == group.keys else None
            found[number] = Group(known.kind, join(known.element, group.element), items, keys)
        else:
            found[number] = Group(known.kind, join(known.element, group.element))
        return
    found.append(group)


def _either(one: Tensor, other: Tensor) -> Tensor:
    if one == other:
        return one
    is_on_host = one.is_host and other.is_host
    return Tensor(
        one.memory if one.memory == other.memory else "host" if is_on_host else None,
        one.is_bool if one.is_bool == other.is_bool else None,
        one.rank if one.rank == other.rank else None,
        one.is_sure and other.is_sure,
    )


def together(*tensors: Tensor) -> Memory | None:
    """Where the result of an operator is: on the device as soon as one operand is.

    Operands of an operator live in one place, except for single numbers: one that is known speaks for all.
    """
    if any(each.memory == "device" for each in tensors):
        return "device"
    several = [each for each in tensors if not (each.is_host and each.rank == 0)]
    if any(each.is_host for each in several) or (tensors and not several):
        return "host"
    return None


def without_none(value: Value) -> Value:
    """`value` where it is not None."""
    if not isinstance(value, Options):
        return value
    return join(*(each for each in value.options if each != NONE))


def as_tensor(value: Value) -> Tensor | None:
    """The tensor that `value` is or may be; not sure where it may be something else, except None."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, Options):
        return None
    found = [each for each in value.options if each != NONE]
    tensor = next((each for each in found if isinstance(each, Tensor)), None)
    if tensor is None or len(found) == 1:
        return tensor
    return Tensor(tensor.memory, tensor.is_bool, tensor.rank, False)


def element_of(value: Value) -> Value:
    """What iterating over `value` gives."""
    match value:
        case Group():
            return UNKNOWN if value.kind == "dict" else value.element
        case Tensor():
            rank = value.rank - 1 if value.rank else None
            return Tensor(value.memory, value.is_bool, rank, value.is_sure)
        case Host() | Const() | Device():
            return Host()
        case ExternalObject(path="torch.nn.Sequential"):
            return join(*value.parts)
        case Options():
            return join(*(element_of(each) for each in value.options if each != NONE))
        case _:
            return UNKNOWN


def is_host_value(value: Value) -> bool:
    """Whether `value` is certainly no tensor and no object with a will of its own."""
    return all(isinstance(each, (Host, Const, Device)) for each in options_of(value))


def truth(value: Value) -> tuple[bool, GuardClass] | None:
    """What `value` is as a condition, and what makes it so; None where nobody knows."""
    if isinstance(value, Const):
        return bool(value.value), value.why or "none"
    return None
