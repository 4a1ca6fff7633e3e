"""What can become of a child process."""

import signal
from dataclasses import dataclass

from imp_graphcheck.child.stacks import ThreadStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """It said that it had finished. `afterwards` is what went wrong while it shut down, if anything did."""

    afterwards: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It turned its input down."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashedInside:
    """It reported an exception of its own."""

    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """It ended without a word. `how` completes the sentence "the process ...".

    `stacks` is where its threads were when native code brought it down; empty for any other end.
    """

    how: str
    returncode: int
    stacks: tuple[ThreadStack, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hung:
    """It made no progress for `seconds` and was killed.

    `responsive` says whether heartbeats arrived to the end; None for a child that never sent one. `stacks` is where
    its threads were, the main thread first; empty if it could not be asked.
    """

    seconds: float
    responsive: bool | None
    stacks: tuple[ThreadStack, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The user pressed Ctrl-C, or this process was asked to end."""


Ending = Completed | Refused | CrashedInside | Died | Hung | Interrupted


def describe_exit(returncode: int) -> str:
    """An exit status in words that complete the sentence "the process ..."."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"died with {name}"
