"""The functions that an audit begins at, by the names that a user gives."""

import re
from collections.abc import Iterator, Sequence

from imp_graphcheck.errors import UsageError
from imp_graphcheck.source.python.analysis import Context
from imp_graphcheck.source.python.index import Index
from imp_graphcheck.source.python.reach import Reached
from imp_graphcheck.source.python.values import Object
from imp_graphcheck.source.source_audit import no_such_entry

_PREWARM = re.compile(r"pre_?warm|warm_?up|pre_?alloc|^_?profile_run$|^_?dummy_run$")
_INIT = re.compile(r"^__init__$|pre_?init|^_?init(ialize)?(_|$)|^reserve|^_?load_model$")
_BEGINS_CAPTURE = frozenset({"CUDAGraph", "capture_begin", "make_graphed_callables"})


def find_entry(index: Index, name: str) -> list[Context]:
    """The functions that `name` means: `f`, `Class.method`, `Class::method`, `file.py:f`, `package.module.f`,
    `package.module:Class.method`. Raises UsageError when there is none.
    """
    place, path = _split(name)
    words = tuple(part for part in path.replace("::", ".").split(".") if part)
    if not words:
        raise UsageError(
            f"--entry {name!r} names no function.", hint="name one like Class.method or file.py:function"
        )
    found = list(_found(index, place, words))
    if not found:
        found = list(_inherited(index, place, words))
    if not found:
        raise no_such_entry(name, words[-1], index.by_name)
    return found


def _split(name: str) -> tuple[str, str]:
    """The file or module, and the function in it."""
    match = re.match(r"^(.+?):(?!:)(.+)$", name) if not re.match(r"^[\w.]+::", name) else None
    return (match.group(1), match.group(2)) if match is not None else ("", name)


def _is_in(index: Index, file: str, place: str) -> bool:
    if not place:
        return True
    if place.endswith(".py"):
        return file == place or file.endswith(f"/{place}") or place.endswith(f"/{file}")
    module = index.module_of(file)
    return module == place or module.endswith(f".{place}")


def _found(index: Index, place: str, words: tuple[str, ...]) -> Iterator[Context]:
    for number in index.by_name.get(words[-1], ()):
        function = index.functions[number]
        if not _is_in(index, function.file, place):
            continue
        if any("overload" in each for each in function.decorators):
            continue
        own = (*function.scope, function.name)
        module = tuple(index.module_of(function.file).split("."))
        whole = (*module, *own)
        if own[-len(words) :] == words or (
            not place and len(words) > len(own) and whole[-len(words) :] == words
        ):
            owner = index.owner(number) if function.owner >= 0 else -1
            yield Context(number, Object(owner) if owner >= 0 else None)


def _inherited(index: Index, place: str, words: tuple[str, ...]) -> Iterator[Context]:
    """A method that the class has from one above it."""
    if len(words) < 2:
        return
    for cls in index.classes_by_name.get(words[-2], ()):
        here = index.classes[cls]
        whole = (*index.module_of(here.file).split("."), *here.scope, here.name)
        if not _is_in(index, here.file, place) or whole[-len(words) + 1 :] != words[:-1]:
            continue
        number = index.method(cls, words[-1])
        if number is not None:
            yield Context(number, Object(cls))


def prewarm_roots(index: Index, reached: Reached, names: Sequence[str]) -> list[Context]:
    """The functions that run before the first capture: those of these names, or without any, by how they are called."""
    if names:
        return [context for name in names for context in find_entry(index, name)]
    classes = sorted({each.bound.cls for each in reached.ways if isinstance(each.bound, Object)})
    found: dict[Context, None] = {}
    for cls in classes:
        for each in index.order(cls):
            for name in index.classes[each].methods:
                number = index.method(cls, name) if _INIT.search(name) or _PREWARM.search(name) else None
                if number is not None and number not in reached.best:
                    found[Context(number, Object(cls))] = None
    for number, function in enumerate(index.functions):
        if number not in reached.best and _PREWARM.search(function.name):
            owner = index.owner(number) if function.owner >= 0 else -1
            found[Context(number, Object(owner) if owner >= 0 else None)] = None
    return list(found)


def capturing(index: Index) -> list[int]:
    """The functions that begin a capture: what they call may be captured, so it prewarms nothing."""
    return [number for number, function in enumerate(index.functions) if function.calls & _BEGINS_CAPTURE]
