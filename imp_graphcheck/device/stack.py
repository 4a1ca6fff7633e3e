"""Python stacks, taken cheaply where something happens and turned into sites only when somebody asks."""

import os
import sys
from pathlib import Path
from types import CodeType, FrameType

import torch

from imp_graphcheck.record.site import Frame, Site

RawStack = tuple[tuple[CodeType, ...], tuple[int, ...]] | tuple[()]
"""Innermost first: the code objects of the frames, and the last instruction in each; empty where nobody was on the stack.

To find the line takes longer than all the rest.
"""

Identity = tuple[int, ...]
"""A stack that can be looked up: to hash a code object is to hash all its instructions."""

MAX_FRAMES = 24

_TORCH = str(Path(torch.__file__).parent) + os.sep
_TOOL = str(Path(__file__).parents[1]) + os.sep
_PROGRAM_INSIDE_TOOL = str(Path(__file__).parents[1] / "faults") + os.sep


def take_stack(skip: int = 1) -> RawStack:
    """The stack of the caller, without its `skip` innermost frames."""
    frame: FrameType | None = sys._getframe()
    for _ in range(skip):
        # A tensor that dies after the last line of the program has nobody below it on the stack.
        frame = frame.f_back if frame is not None else None
    codes: list[CodeType] = []
    instructions: list[int] = []
    while frame is not None and len(codes) < MAX_FRAMES:
        codes.append(frame.f_code)
        instructions.append(frame.f_lasti)
        frame = frame.f_back
    return (tuple(codes), tuple(instructions)) if codes else ()


_sites: dict[Identity, tuple[RawStack, Site | None]] = {}
_frames: dict[tuple[int, int], tuple[CodeType, Frame]] = {}
"""What was made before, with what it was made of: an identity is worth something while its code object lives."""


def identity(stack: RawStack) -> Identity:
    """Equal for stacks of the same places of the same code."""
    return (*map(id, stack[0]), *stack[1]) if stack else ()


def site_of(stack: RawStack) -> Site | None:
    """The site a stack stands for; None for an empty stack. Equal stacks, of which graphs hold thousands, share one."""
    if not stack:
        return None
    key = identity(stack)
    known = _sites.get(key)
    if known is None:
        known = _sites[key] = (stack, site_of_frames(tuple(map(_frame, *stack))))
    return known[1]


def _frame(code: CodeType, instruction: int) -> Frame:
    key = (id(code), instruction)
    known = _frames.get(key)
    if known is None:
        line = _line(code, instruction)
        known = _frames[key] = (code, Frame(file=code.co_filename, line=line, function=code.co_qualname))
    return known[1]


def _line(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def site_of_frames(frames: tuple[Frame, ...]) -> Site | None:
    """The headline is the innermost frame outside torch, this tool and the interpreter's own modules.

    Where every frame is theirs, the innermost one stands, so that a site is never lost. The frames above the
    program (how the tool called it) are cut.
    """
    if not frames:
        return None
    program = [index for index, frame in enumerate(frames) if belongs_to_program(frame.file)]
    headline = frames[program[0]] if program else frames[0]
    kept = frames[: program[-1] + 1] if program else frames
    return Site(file=headline.file, line=headline.line, function=headline.function, stack=kept)


def belongs_to_program(file: str) -> bool:
    """Whether code in `file` is the program under test, the reference engine included."""
    if file.startswith(("<", _TORCH)):
        return False
    if file.startswith(_PROGRAM_INSIDE_TOOL):
        return True
    return not (file.startswith(_TOOL) or os.sep + "contextlib.py" in file or os.sep + "weakref.py" in file)
