"""The trees of syntax of files, parsed again when they are needed: to keep all of them would take gigabytes."""

import ast
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from imp_graphcheck.source.python.facts import Class, Function
from imp_graphcheck.source.python.reader import definitions
from imp_graphcheck.source.python.source_text import decode
from imp_graphcheck.source.python.syntax import Definition, parse

_MOST_LINES = 200_000
_DEEPEST = 80


@dataclass(slots=True)
class _Source:
    tree: ast.Module
    lines: list[bytes]
    places: dict[tuple[int, int], ast.AST] = field(default_factory=dict)


class Sources:
    """The sources of a directory, the last ones that were used parsed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: OrderedDict[str, _Source] = OrderedDict()
        self._lines = 0
        self._lambdas: dict[tuple[str, int, int], ast.Lambda] = {}

    def tree(self, file: str) -> ast.Module:
        return self._source(file).tree

    def lines(self, file: str) -> list[bytes]:
        """The lines of a file, as bytes: columns count those."""
        return self._source(file).lines

    def node(self, function: Function) -> Definition | None:
        """The definition of a function; None for a lambda that nobody came by."""
        found = self._source(function.file).places.get(function.place)
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return found
        return self._lambdas.get((function.file, *function.place))

    def class_node(self, cls: Class) -> ast.ClassDef | None:
        found = self._source(cls.file).places.get(cls.place)
        return found if isinstance(found, ast.ClassDef) else None

    def keep_lambda(self, file: str, node: ast.Lambda) -> None:
        self._lambdas[file, node.lineno, node.col_offset] = node

    def _source(self, file: str) -> _Source:
        known = self._kept.get(file)
        if known is not None:
            self._kept.move_to_end(file)
            return known
        text = decode((self._directory / file).read_bytes())
        source = _Source(parse(text), text.encode("utf-8", "replace").split(b"\n"))
        for node in definitions(source.tree):
            source.places[node.lineno, node.col_offset] = node
        self._kept[file] = source
        self._lines += len(source.lines)
        while self._lines > _MOST_LINES and len(self._kept) > _DEEPEST:
            _, dropped = self._kept.popitem(last=False)
            self._lines -= len(dropped.lines)
        return source
