"""Errors that torch raises for the device without asking it, because it knows what the runtime would say or do."""

import re
from dataclasses import dataclass

from imp_graphcheck.device.cuda.error_codes import BY_NUMBER
from imp_graphcheck.device.protocol import DeviceError


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A message of torch, and the code of the runtime that it stands for."""

    pattern: re.Pattern[str]
    number: int
    meaning: str
    during_capture: bool


_REFUSALS = (
    _Refusal(
        re.compile(r"Cannot copy between CPU and CUDA tensors during CUDA graph capture"),
        900,
        "a copy between the device and pageable host memory was asked for inside the capture; the graph would read "
        "or write that host address at every replay",
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"Cannot call .* during CUDA graph capture"),
        900,
        "a random generator was asked for its seed or offset inside the capture, where only the device knows it",
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"set_current_seed can be called during stream capture only"),
        900,
        "a random generator was given another seed inside the capture",
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"Attempt to increase offset for a CUDA generator not in capture mode"),
        900,
        "a random generator that is not registered with the graph was used inside the capture",
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"freeAsync\(\) was called on an uncaptured allocation during graph capture"),
        900,
        "memory from before the capture was freed inside it",
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"CUDA graphs must be captured on a non-default stream"),
        900,
        "a capture was begun on the default stream, which cannot be captured",
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"Capture must end on the same stream it began on"),
        903,
        BY_NUMBER[903].meaning,
        during_capture=True,
    ),
    _Refusal(
        re.compile(r"Offset increment outside graph capture encountered unexpectedly"),
        901,
        "an earlier capture failed and left the random generator in capture mode; that failure is the cause",
        during_capture=False,
    ),
)


def read_refusal(text: str) -> DeviceError | None:
    """What torch refused, with the runtime's nearest name and number; None for any other text."""
    for refusal in _REFUSALS:
        if refusal.pattern.search(text):
            code = BY_NUMBER[refusal.number]
            return DeviceError(
                name=code.name,
                number=code.number,
                meaning=refusal.meaning,
                sticky=False,
                during_capture=refusal.during_capture,
            )
    return None
