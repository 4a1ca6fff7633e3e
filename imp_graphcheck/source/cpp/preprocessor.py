"""Preprocessor directives, read line by line and taken out, so that the grammar sees plain C++.

Directives may stand anywhere, also where no grammar allows a node, and the branches of an `#if` need not be whole
statements. So they are blanked before the parse; what they say is kept beside it, for each line.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field

from imp_graphcheck.source.cpp.grammar import readable
from imp_graphcheck.source.cpp.unseen import without_unseen

_NOT_CODE = re.compile(
    r'//(?:[^\n\\]|\\\n|\\.)*|/\*.*?(?:\*/|\Z)|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*([a-z_]+)\b(.*)$", re.DOTALL)
_DEFINE = re.compile(r"[ \t]*(\w+)(?:\(([^)]*)\))?[ \t]*(.*)$", re.DOTALL)
_INCLUDE = re.compile(r'[ \t]*["<]([^">]+)[">]')
_WORD = re.compile(r"\w+")

_QUALIFIER = re.compile(
    r"(?:\s|\#[ \t]*pragma[^\n]*|_Pragma\s*\([^()]*\)|__attribute__\s*\(\(.*?\)\)|__declspec\s*\([^()]*(?:\([^()]*\))?\)|\[\[.*?\]\]|extern\s*\"C\"|\binline\b"
    r"|\bstatic\b|\bconstexpr\b|\bnoexcept\b|\bextern\b|__inline__|__forceinline__|__inline\b|__forceinline\b|__host__"
    r"|__device__|__global__|__noinline__|__restrict__|__restrict\b|\brestrict\b|__always_inline\b|__launch_bounds__\s*\([^()]*\))*"
)


@dataclass(frozen=True, slots=True)
class Macro:
    """One definition. `parameters` is None for a macro without parentheses."""

    name: str
    parameters: tuple[str, ...] | None
    body: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Condition:
    """An `#if` around a line, in its own words; `negated` in the `#else`."""

    text: str
    negated: bool = False

    def __str__(self) -> str:
        return f"not ({self.text})" if self.negated else self.text


@dataclass(slots=True)
class Cleaned:
    """A file without directives and comments, with as many lines as before.

    `conditions[n]` are those around line n, counted from 0, outermost first.
    """

    text: str
    macros: list[Macro]
    includes: list[str]
    conditions: list[tuple[Condition, ...]]


@dataclass(slots=True)
class _Branch:
    condition: Condition
    first: int
    last: int = -1


@dataclass(slots=True)
class _Group:
    start: int
    branches: list[_Branch] = field(default_factory=list)


def without_comments(text: str) -> str:
    """The same text with comments blanked. Line breaks stay where they are."""
    return _NOT_CODE.sub(_blank_comment, text)


def _blank_comment(match: re.Match[str]) -> str:
    found = match.group()
    if found[0] != "/":
        return found
    return "\n" * found.count("\n") or " "


def clean(
    text: str,
    file: str,
    substitutes: Mapping[str, str] | None = None,
    statements: Container[str] = (),
    known: Container[str] | None = None,
) -> Cleaned:
    """`text`, ready to be parsed. `substitutes` are macros that stand where no expression may: see `substitutes_of`,
    `statements` those after which a semicolon is put: see `statements_of`. `known` are all that the tree defines; without
    them nothing is done about the others.
    """
    lines = without_comments(text.replace("\r\n", "\n")).split("\n")
    macros: list[Macro] = []
    includes: list[str] = []
    groups: list[_Group] = []
    open_groups: list[_Group] = []
    constants: dict[str, str] = {}
    for first, last, name, rest in _directives(lines):
        match name:
            case "define":
                macro = _macro(rest, file, first + 1)
                if macro is not None:
                    macros.append(macro)
                    if (
                        macro.parameters is None
                        and macro.body in ("0", "1")
                        and not any(not _says_nothing(group.branches[-1].condition) for group in open_groups)
                    ):
                        constants[macro.name] = macro.body
            case "include":
                found = _INCLUDE.match(rest)
                if found is not None:
                    includes.append(found.group(1))
            case "if" | "ifdef" | "ifndef":
                known_as = constants.get(rest.strip(), rest) if name == "if" else rest
                group = _Group(first, [_Branch(_condition(name, known_as), last + 1)])
                groups.append(group)
                open_groups.append(group)
            case "elif" | "else" if open_groups:
                branches = open_groups[-1].branches
                branches[-1].last = first
                before = branches[0].condition
                condition = (
                    Condition(before.text, not before.negated) if name == "else" else _condition("if", rest)
                )
                branches.append(_Branch(condition, last + 1))
            case "endif" if open_groups:
                open_groups.pop().branches[-1].last = first
            case _:
                pass
        for number in range(first, last + 1):
            lines[number] = ""
    for group in open_groups:
        group.branches[-1].last = len(lines)
    conditions = _apply(groups, lines)
    if substitutes:
        _substitute(lines, substitutes)
    if statements or known is not None:
        _end_statements(lines, statements, known)
    cleaned = "\n".join(lines)
    if known is not None:
        cleaned = without_unseen(cleaned, known)
    return Cleaned(readable(cleaned), macros, includes, conditions)


def _directives(lines: list[str]) -> Iterator[tuple[int, int, str, str]]:
    number = 0
    while number < len(lines):
        first = number
        if "#" in lines[number] and lines[number].lstrip().startswith("#"):
            parts = [lines[number]]
            while parts[-1].endswith("\\") and number + 1 < len(lines):
                parts[-1] = parts[-1][:-1]
                number += 1
                parts.append(lines[number])
            found = _DIRECTIVE.match("\n".join(parts))
            yield first, number, found.group(1) if found else "", found.group(2) if found else ""
        number += 1


def _macro(rest: str, file: str, line: int) -> Macro | None:
    found = _DEFINE.match(rest)
    if found is None:
        return None
    parameters = found.group(2)
    # "#define A (x)" has no parameters: the parenthesis must follow at once, which the pattern demands.
    names = (
        None
        if parameters is None
        else tuple(name.strip() for name in parameters.replace("\n", " ").split(",") if name.strip())
    )
    return Macro(found.group(1), names, found.group(3).strip(), file, line)


def _condition(name: str, rest: str) -> Condition:
    text = " ".join(rest.split())
    if name == "ifdef":
        return Condition(f"defined {text}")
    if name == "ifndef":
        return Condition(f"defined {text}", negated=True)
    return Condition(text)


def _apply(groups: list[_Group], lines: list[str]) -> list[tuple[Condition, ...]]:
    """Blank branches that nobody compiles or that do not fit beside the others; the conditions of each line."""
    conditions: list[tuple[Condition, ...]] = [()] * len(lines)
    for group in groups:
        dead = [
            branch.condition.text == ("1" if branch.condition.negated else "0") for branch in group.branches
        ]
        kept = [branch for branch, is_dead in zip(group.branches, dead, strict=True) if not is_dead]
        if len(kept) > 1 and not all(_is_whole(lines[each.first : each.last]) for each in kept):
            kept = kept[:1]
        for branch in group.branches:
            if branch not in kept:
                lines[branch.first : branch.last] = [""] * (branch.last - branch.first)
                continue
            if _says_nothing(branch.condition):
                continue
            for number in range(branch.first, branch.last):
                conditions[number] = (*conditions[number], branch.condition)
    return conditions


def _is_whole(lines: list[str]) -> bool:
    """Whether these lines can stand beside the other branch: every bracket that is opened is closed."""
    text = _NOT_CODE.sub("", "\n".join(lines))
    depth = 0
    for character in text:
        if character in "({[":
            depth += 1
        elif character in ")}]":
            depth -= 1
            if depth < 0:
                return False
    stripped = text.rstrip()
    return depth == 0 and (not stripped or stripped[-1] in ";}:")


def _says_nothing(condition: Condition) -> bool:
    """Include guards, and what every C++ compiler defines."""
    if "__cplusplus" in condition.text or condition.text == ("0" if condition.negated else "1"):
        return True
    return (
        condition.negated
        and re.fullmatch(r"defined \w+_(H|HPP|CUH|H_|HPP_|CUH_|H__|INCLUDED|GUARD)_*", condition.text)
        is not None
    )


_OF_LIBRARIES = {
    "CUTLASS_DEVICE": "__device__",
    "CUTLASS_HOST_DEVICE": "__host__ __device__",
    "CUTE_DEVICE": "__device__",
    "CUTE_HOST_DEVICE": "__host__ __device__",
    "CUTLASS_PRAGMA_UNROLL": "",
    "CUTLASS_PRAGMA_NO_UNROLL": "",
    "CUTE_UNROLL": "",
    "CUTE_NO_UNROLL": "",
    "C10_HOST_DEVICE": "__host__ __device__",
    "C10_DEVICE": "__device__",
    "TORCH_API": "",
    "TORCH_CUDA_CU_API": "",
    "PRId64": '""',
    "PRIu64": '""',
    "PRIx64": '""',
}
"""Macros of libraries that are hardly ever part of the tree, where they stand between words."""


def substitutes_of(macros: Mapping[str, list[Macro]]) -> dict[str, str]:
    """What must be put in the place of a macro before the parse: qualifiers, attributes and single braces."""
    found: dict[str, str] = dict(_OF_LIBRARIES)
    for name, definitions in macros.items():
        bodies = {each.body for each in definitions if each.parameters is None}
        if len(bodies) < len({each.body for each in definitions}) or len(name) < 2:
            continue
        if all(_QUALIFIER.fullmatch(body) for body in bodies):
            found[name] = max(bodies, key=len) if any("__device__" in body for body in bodies) else ""
        elif all(_stands_for_braces(body) for body in bodies):
            found[name] = " ".join(max(bodies, key=len).split())
    return found


def statements_of(macros: Mapping[str, list[Macro]]) -> frozenset[str]:
    """Macros with parameters that bring their own end of statement, so that none follows where they are used."""
    return frozenset(
        name
        for name, definitions in macros.items()
        if any(
            each.parameters is not None and each.body.rstrip("\\ ").endswith((";", "}"))
            for each in definitions
        )
    )


def _stands_for_braces(body: str) -> bool:
    return re.fullmatch(r"(?:\s*(?:inline\s+)?namespace(?:\s+[\w:]+)?\s*\{|\s*\})+\s*", body) is not None


_ALONE = re.compile(r"^\s*(\w+)\s*(?:\(.*\))?\s*$")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]{3,}")
_GOES_ON = re.compile(r"^\s*([;{.,)?:<>=&|*/%+-]|$)")
_IS_OVER = re.compile(r"[;{}:]\s*$")


def _end_statements(lines: list[str], statements: Container[str], known: Container[str] | None) -> None:
    """Put a semicolon after a line that is nothing but the use of a macro, if what follows does not go on with it."""
    before = ""
    for number, line in enumerate(lines):
        found = _ALONE.match(line)
        has_arguments = "(" in line
        if found is not None and (
            (has_arguments and found.group(1) in statements) or _is_unseen(found.group(1), before, known)
        ):
            following = next((each for each in lines[number + 1 : number + 4] if each.strip()), "}")
            if not has_arguments and following.lstrip().startswith("}"):
                following = ","  # the last of an enum
            if not _GOES_ON.match(following) and line.count("(") == line.count(")"):
                lines[number] = line = line + ";"
        if line.strip():
            before = line


def _is_unseen(name: str, before: str, known: Container[str] | None) -> bool:
    """Whether this is a macro of a header that is not there, used as a statement of its own."""
    if known is None or name in known or not _CAPITALS.fullmatch(name):
        return False
    return not before or _IS_OVER.search(before) is not None


def _substitute(lines: list[str], substitutes: Mapping[str, str]) -> None:
    replace: Callable[[re.Match[str]], str] = lambda match: substitutes.get(match.group(), match.group())  # noqa: E731
    for number, line in enumerate(lines):
        if line and any(word in substitutes for word in _WORD.findall(line)):
            lines[number] = _WORD.sub(replace, line)
