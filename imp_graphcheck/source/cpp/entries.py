"""The functions that an audit begins at, by the names that a user gives."""

import re
from collections.abc import Sequence

from imp_graphcheck.errors import UsageError
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.reach import Reached
from imp_graphcheck.source.source_audit import no_such_entry

_PREWARM = re.compile(
    r"pre_?warm|warm_?up|pre_?alloc|pre_?init|^_?init(ialize)?(_|$|[A-Z])|^reserve", re.IGNORECASE
)
_BEGINS_CAPTURE = re.compile(r"^(cuda|cu)Stream(BeginCapture|BeginCaptureToGraph)$")


def find_entry(index: Index, name: str) -> list[int]:
    """The functions that `name` means: `f`, `Class::f`, `file.cu:f`. Raises UsageError when there is none."""
    file, _, path = name.rpartition(":") if re.search(r"\.\w+:[^:]", name) else ("", "", name)
    words = tuple(part for part in path.split("::") if part)
    if not words:
        raise UsageError(
            f"--entry {name!r} names no function.", hint="name one like Class::method or file.cu:function"
        )
    found = [
        number
        for number in index.by_name.get(words[-1], ())
        if (*index.functions[number].scope, words[-1])[-len(words) :] == words
        and (not file or index.functions[number].file.endswith(file))
        and not index.functions[number].is_device
    ]
    if found:
        return found
    raise no_such_entry(name, words[-1], index.by_name)


def prewarm_roots(index: Index, reached: Reached, names: Sequence[str]) -> list[int]:
    """The functions that run before the first capture: those of these names, or without any, by how they are called."""
    if names:
        return [number for name in names for number in find_entry(index, name)]
    classes = {index.functions[number].scope for number in reached.ways if index.functions[number].is_method}
    return [
        number
        for number, function in enumerate(index.functions)
        if number not in reached.ways
        and not function.is_device
        and (
            _PREWARM.search(function.name)
            or (function.scope in classes and function.name == function.scope[-1])
        )
    ]


def capturing(index: Index) -> list[int]:
    """The functions that begin a capture: what they call may be captured, so it prewarms nothing."""
    return [
        number
        for number, function in enumerate(index.functions)
        if any(_BEGINS_CAPTURE.match(call.name) for call in function.calls)
    ]
