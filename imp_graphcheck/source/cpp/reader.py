"""One C++ or CUDA file, parsed and boiled down to its functions, classes and calls."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache

import tree_sitter_cuda
from tree_sitter import Language, Node, Parser, Tree

from imp_graphcheck.source.cpp.declarations import Declarations
from imp_graphcheck.source.cpp.facts import FileFacts
from imp_graphcheck.source.cpp.preprocessor import clean
from imp_graphcheck.source.cpp.syntax import line_of

_GIVEN = re.compile(r"(?=\b([A-Za-z_]\w*)<([^;(){}<>]{1,200}))")
_NAME = re.compile(r"\b[A-Za-z_]\w*")
_BUILT_IN = frozenset(
    {
        "int",
        "float",
        "double",
        "bool",
        "char",
        "void",
        "half",
        "typename",
        "const",
        "unsigned",
        "true",
        "false",
        "auto",
    }
)


_LONGEST_PARSE_S = 20
_CHUNK_BYTES = 64 << 10


class TooSlowError(Exception):
    """A file takes longer to parse than anybody waits."""


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_cuda.language()))


def _parsed(source: bytes) -> Tree:
    """The syntax tree. Raises TooSlowError where the grammar would go through what is no C++ for ever."""
    until = time.monotonic() + _LONGEST_PARSE_S
    read: Callable[[int, object], bytes] = lambda offset, _point: source[offset : offset + _CHUNK_BYTES]  # noqa: E731
    try:
        return _parser().parse(read, progress_callback=lambda _offset, _has_error: time.monotonic() > until)
    except ValueError as error:
        _parser().reset()
        raise TooSlowError(f"it cannot be parsed in {_LONGEST_PARSE_S} s") from error


def read_file(
    text: str,
    path: str,
    *,
    substitutes: Mapping[str, str],
    macros: Collection[str] = (),
    dropping: Collection[str] = (),
    statements: Collection[str] = (),
    known: Collection[str] | None = None,
) -> FileFacts:
    """The facts of one file.

    `macros` are names whose use may be a call without parentheses, `dropping` macros that in some builds do nothing
    with their arguments, `statements` those that bring their own semicolon, `known` all that the tree defines.
    """
    cleaned = clean(text, path, substitutes, statements, known)
    source = cleaned.text.encode("utf-8", "replace")
    tree = _parsed(source)
    facts = FileFacts(
        path=path, lines=source.count(b"\n") + 1, includes=cleaned.includes, macros=cleaned.macros
    )
    facts.opaque.extend(_opaque(tree.root_node, source))
    for name, arguments in _GIVEN.findall(cleaned.text):
        words = [word for word in _NAME.findall(arguments) if word not in _BUILT_IN]
        if words:
            facts.given.setdefault(name, set()).update(words)
    Declarations(source, facts, cleaned, frozenset(macros), frozenset(dropping)).outside(tree.root_node, ())
    return facts


def _opaque(root: Node, source: bytes) -> Iterator[tuple[int, int, str]]:
    """First line, last line and first words of what the grammar could make nothing of."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR" or node.is_missing:
            text = " ".join(source[node.start_byte : node.end_byte][:200].decode("utf-8", "replace").split())
            yield line_of(node), node.end_point.row + 1, text[:60] or f"there should be {node.type}"
        elif node.has_error:
            waiting.extend(reversed(node.children))
