"""Where in a program something happened: one source line, and the stack above it."""

import msgspec


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One frame of a Python stack."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}()"


class Site(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of the program under test, with the frames that led to it.

    `file`, `line` and `function` are the headline: the innermost frame that belongs neither to torch nor to
    this tool. `stack` holds every frame that was kept, innermost first.
    """

    file: str
    line: int
    function: str
    stack: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}()"


UNKNOWN = Site(file="<unknown>", line=0, function="<unknown>")
"""Stands for a line that nobody saw, where places are listed."""
