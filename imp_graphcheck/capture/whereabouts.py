"""Where a child hung, in words: the call that did not return, and the line of the program that made it."""

import sysconfig
from pathlib import Path

import imp_graphcheck
from imp_graphcheck.child.stacks import ThreadStack
from imp_graphcheck.record.site import Frame

STACKS_FILE = "stacks.txt"

_TOOL = f"{Path(imp_graphcheck.__file__).parent}/"
_FAULTS = f"{_TOOL}faults/"
_STANDARD = f"{sysconfig.get_paths()['stdlib']}/"


def whereabouts(stacks: tuple[ThreadStack, ...]) -> str:
    """`synchronize() at torch/cuda/streams.py:112, called from forward() at model.py:40`; empty if nobody knows."""
    frames = stacks[0].frames if stacks else ()
    if not frames:
        return ""
    words = _words(frames[0])
    program = next((frame for frame in frames if _belongs_to_program(frame.file)), frames[0])
    return words if program == frames[0] else f"{words}, called from {_words(program)}"


def in_full(stacks: tuple[ThreadStack, ...]) -> str:
    """All threads, for `stacks.txt`."""
    return "\n\n".join(map(str, stacks)) + "\n"


def _words(frame: Frame) -> str:
    return f"{frame.function}() at {_short(frame.file)}:{frame.line}"


def _short(file: str) -> str:
    """As it is imported, for what is installed; relative, for what lies below the working directory."""
    _, installed, rest = file.rpartition("/site-packages/")
    if installed:
        return rest
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _belongs_to_program(file: str) -> bool:
    """As far as can be told without torch: not torch, not this tool, not the interpreter's own modules."""
    if file.startswith(("<", _STANDARD)) and "/site-packages/" not in file:
        return False
    return file.startswith(_FAULTS) or not (file.startswith(_TOOL) or "/site-packages/torch/" in file)
