"""Exceptions, read as what they say of the device.

Torch reports the last error of a failed capture and keeps the first one in its context, so the whole chain is read
and the oldest error of the device is the one that counts.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import torch

from imp_graphcheck.device.cuda.error_codes import BY_NAME, BY_NUMBER, BY_TEXT, ErrorCode
from imp_graphcheck.device.cuda.library_errors import read_library_error
from imp_graphcheck.device.cuda.torch_refusals import read_refusal
from imp_graphcheck.device.protocol import DeviceError, StepError

_NAME = re.compile(r"\bcudaError[A-Z]\w+")
_TEXT = re.compile(r"(?:CUDA (?:driver )?error|Triton Error \[CUDA\]): ([^\n]+)")


def explain(error: BaseException) -> DeviceError | None:
    """The oldest error of the device behind `error`; None where there is none."""
    described = [found for found in map(_describe, chain(error)) if found is not None]
    if not described:
        return None
    first = _at_step(described[-1], error)
    if not first.during_capture and any(later.during_capture for later in described):
        return _in_capture(first)
    return first


def chain(error: BaseException) -> Iterator[BaseException]:
    """`error`, then what it was raised from or while handling, back to the oldest.

    A context that the program suppressed (`raise ... from None`) is no part of the story: it is how a later
    error is kept from hiding an earlier one.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _at_step(described: DeviceError, error: BaseException) -> DeviceError:
    """With the node, if it was launched alone."""
    step = next((each for each in chain(error) if isinstance(each, StepError)), None)
    return described if step is None else replace(described, graph_node=step.node, kernel=step.kernel)


def _describe(error: BaseException) -> DeviceError | None:
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return _device_error(BY_NUMBER[2])
    if isinstance(error, torch.AcceleratorError):
        return _device_error(_code_of(error, text))
    if not isinstance(error, RuntimeError):
        return None
    library = read_library_error(text)
    if library is not None:
        return library
    code = _code_in(text)
    return _device_error(code) if code is not None else read_refusal(text)


def _code_of(error: BaseException, text: str) -> ErrorCode:
    """The code of an error that is certainly the runtime's, known to the table or not."""
    number = getattr(error, "error_code", None)
    code = BY_NUMBER.get(number) if isinstance(number, int) else None
    code = code or _code_in(text)
    if code is not None:
        return code
    named = _NAME.search(text)
    said = _TEXT.search(text)
    return ErrorCode(
        number=number if isinstance(number, int) else 0,
        name=named.group() if named else "CUDA error",
        text=said.group(1) if said else text,
        meaning=said.group(1) if said else text,
    )


def _code_in(text: str) -> ErrorCode | None:
    """The code that a message names, by its symbol or by the runtime's own words."""
    named = _NAME.search(text)
    if named is not None and named.group() in BY_NAME:
        return BY_NAME[named.group()]
    said = _TEXT.search(text)
    return BY_TEXT.get(said.group(1).strip().rstrip(".")) if said is not None else None


def _device_error(code: ErrorCode) -> DeviceError:
    return DeviceError(
        name=code.name,
        number=code.number,
        meaning=code.meaning,
        sticky=code.sticky,
        during_capture=code.during_capture,
    )


def _in_capture(error: DeviceError) -> DeviceError:
    """`error`, which a later error of a capture shows to have happened inside it."""
    return replace(error, during_capture=True)
