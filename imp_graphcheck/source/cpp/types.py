"""Types as the source writes them, as far as it takes to know whose method is called."""

import re
from dataclasses import dataclass
from functools import lru_cache

_NOISE = re.compile(
    r"\b(const|volatile|struct|class|enum|typename|static|mutable|constexpr|register|thread_local|unsigned|signed)\b"
)
_POINTERS = frozenset(
    {
        "unique_ptr",
        "shared_ptr",
        "weak_ptr",
        "intrusive_ptr",
        "reference_wrapper",
        "optional",
        "Ref",
        "not_null",
    }
)
_CONTAINERS = frozenset(
    {
        "vector",
        "array",
        "deque",
        "list",
        "set",
        "unordered_set",
        "span",
        "initializer_list",
        "ArrayRef",
        "Span",
    }
)
_MAPS = frozenset({"map", "unordered_map", "multimap", "flat_map"})
_NUMBERS = frozenset(
    {
        "int",
        "long",
        "short",
        "size_t",
        "bool",
        "float",
        "double",
        "char",
        "half",
        "int64_t",
        "int32_t",
        "ssize_t",
    }
)
_NUMBERS |= frozenset(
    {"uint32_t", "uint64_t", "int8_t", "uint8_t", "uint16_t", "int16_t", "unsigned", "__half"}
)


@dataclass(frozen=True, slots=True)
class TypeName:
    """`path` without template arguments, `arguments` in the words of the source, `stars` how many pointers."""

    path: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    stars: int = 0

    @property
    def name(self) -> str:
        return self.path[-1] if self.path else ""

    @property
    def is_smart_pointer(self) -> bool:
        return self.name in _POINTERS

    @property
    def is_number(self) -> bool:
        return self.name in _NUMBERS and not self.stars


@lru_cache(maxsize=65536)
def parse_type(text: str) -> TypeName:
    """`const std::unique_ptr<a::B<int>>&` as its path, template arguments and stars."""
    text = _NOISE.sub(" ", text).strip()
    opening = text.find("<")
    if opening < 0:
        return TypeName(_words(text), stars=_stars(text))
    closing = _closing(text, opening)
    inner, rest = text[opening + 1 : closing], text[closing + 1 :]
    if rest.startswith("::"):
        # A<B>::C: the template arguments belong to a scope and say nothing of the type.
        outer = parse_type(rest[2:])
        return TypeName((*_words(text[:opening]), *outer.path), outer.arguments, outer.stars)
    return TypeName(_words(text[:opening]), tuple(split_arguments(inner)), _stars(rest))


def is_placeholder(name: str) -> bool:
    """Whether a type of this name looks like a parameter of a template."""
    return len(name) <= 2 or (
        name.isidentifier() and name[0].isupper() and name.endswith(("T", "Type", "Fn", "Func"))
    )


def pointed_at(text: str) -> str:
    """What `->` or `*` leads to from a value of this type."""
    if text.endswith("[]"):
        return text[:-2]
    kind = parse_type(text)
    if kind.is_smart_pointer and kind.arguments:
        return kind.arguments[0]
    return text.replace("*", "", 1)


def element_of(text: str) -> str:
    """What `[]`, or a loop over a value of this type, gives; empty if nobody knows."""
    if text.endswith("[]"):
        return text[:-2]
    kind = parse_type(text)
    if kind.is_smart_pointer and kind.arguments:
        return element_of(kind.arguments[0])
    if kind.name in _CONTAINERS and kind.arguments:
        return kind.arguments[0]
    if kind.name in _MAPS and len(kind.arguments) > 1:
        return kind.arguments[1]
    return text.replace("*", "", 1) if kind.stars else ""


def split_arguments(text: str) -> list[str]:
    """`a, b<c, d>` at the commas that are not inside brackets."""
    parts, depth, begin = [], 0, 0
    for position, character in enumerate(text):
        if character in "<([{":
            depth += 1
        elif character in ">)]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[begin:position].strip())
            begin = position + 1
    last = text[begin:].strip()
    return [*parts, last] if last else parts


def _closing(text: str, opening: int) -> int:
    depth = 0
    for position in range(opening, len(text)):
        if text[position] == "<":
            depth += 1
        elif text[position] == ">":
            depth -= 1
            if depth == 0:
                return position
    return len(text)


def _words(text: str) -> tuple[str, ...]:
    plain = text.replace("*", " ").replace("&", " ").replace("[]", " ")
    return _last_words(tuple(part.strip() for part in plain.split("::")))


def _stars(text: str) -> int:
    return text.count("*") + text.count("[]")


def _last_words(path: tuple[str, ...]) -> tuple[str, ...]:
    """`long long` and attributes in front of a name: the last word counts."""
    return tuple(part.split()[-1] for part in path if part.split())
