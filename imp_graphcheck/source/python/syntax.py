"""Small questions to a tree of syntax."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MOST_WORDS = 160
_FRAMES = 30_000


class UnreadableError(Exception):
    """A file that cannot be parsed; the reason is the message, `line` is 0 where nobody knows."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


def parse(text: str) -> ast.Module:
    """Parse `text`. Raises UnreadableError, whatever is wrong with it."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UnreadableError(f"it does not parse: {error.msg}", error.lineno or 0) from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableError("nested too deeply to be read") from error
    except ValueError as error:
        raise UnreadableError(f"it does not parse: {error}") from error


@contextmanager
def deeper() -> Iterator[None]:
    """More frames than the interpreter allows by itself, for code that goes down with the nesting of a source.

    Frames of Python code take no stack of C, those of a parser do: `parse` keeps the ordinary limit.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` for a chain of attributes, empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def name_of_call(node: ast.Call) -> str:
    """The last name of what is called."""
    func = node.func
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def line_of_call(node: ast.Call) -> int:
    """The line on which the name of what is called stands, which is the line that a traceback shows."""
    return (node.func.end_lineno or node.lineno) if isinstance(node.func, ast.Attribute) else node.func.lineno


def constant(node: ast.AST | None) -> str | None:
    """The string that `node` is, if it is one."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def decorator_name(node: ast.expr) -> str:
    """A decorator without its arguments."""
    return dotted(node.func if isinstance(node, ast.Call) else node)


def words_of(node: ast.AST, lines: list[bytes]) -> str:
    """The words of the source of `node`, on one line."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0) or 0
    if not first or last > len(lines):
        return ""
    begin, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    if first == last:
        text = lines[first - 1][begin:end]
    else:
        text = b" ".join([lines[first - 1][begin:], *lines[first : last - 1], lines[last - 1][:end]])
    words = " ".join(text.decode("utf-8", "replace").split())
    return words if len(words) <= _MOST_WORDS else words[: _MOST_WORDS - 3] + "..."
