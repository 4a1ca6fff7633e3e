"""What a macro calls when it is expanded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from imp_graphcheck.source.cpp.facts import Call, Function
from imp_graphcheck.source.cpp.preprocessor import Macro
from imp_graphcheck.source.cpp.reader import read_file

_PASTE = re.compile(r"\s*##\s*")
_PASTED = "_0x23_"
_LONGEST_BODY = 20_000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Expansion:
    """The calls of one definition; their names may be parameters."""

    macro: Macro
    function: Function


def expansions_of(
    macros: Mapping[str, list[Macro]], known_calls: frozenset[str]
) -> dict[str, list[Expansion]]:
    """The macros that call something, each with what it calls. Names in `known_calls` are calls and not macros here."""
    found: dict[str, list[Expansion]] = {}
    for name, definitions in macros.items():
        if name in known_calls:
            continue
        bodies = {(each.parameters, each.body): each for each in definitions}
        read = [_expansion(each) for each in bodies.values() if "(" in each.body or each.parameters is None]
        useful = [each for each in read if each is not None]
        if useful:
            found[name] = useful
    return found


def _expansion(macro: Macro) -> Expansion | None:
    if ("(" not in macro.body and not re.fullmatch(r"\w+", macro.body)) or len(macro.body) > _LONGEST_BODY:
        return None
    if "(" not in macro.body:
        return None
    body = _PASTE.sub(_PASTED, macro.body.replace("\n", " ")).replace("__VA_ARGS__", "variadic_")
    body = re.sub(r"#\s*(\w+)", r'"\1"', body)
    parameters = ", ".join(f"auto {name}" for name in (macro.parameters or ()) if name != "...")
    facts = read_file(f"void expanded({parameters}) {{ {body} ; }}", macro.file, substitutes={})
    functions = [each for each in facts.functions if each.name == "expanded"]
    if not functions or not functions[0].calls:
        return None
    return Expansion(macro, functions[0])


def expand(expansion: Expansion, call: Call) -> list[Call]:
    """The calls that the macro makes where `call` stands."""
    parameters = expansion.macro.parameters or ()
    given = dict(zip(parameters, call.arguments, strict=False))
    return [
        replace(
            each,
            name=_given(each.name, given),
            line=call.line,
            guards=(),
            inner=tuple(
                replace(guard, text=_WORD.sub(lambda word: given.get(word.group(), word.group()), guard.text))
                for guard in (expansion.function.guards[number] for number in each.guards)
            ),
            macro=(expansion.macro.name, expansion.macro.file, expansion.macro.line),
            arguments=tuple(
                _WORD.sub(lambda word: given.get(word.group(), word.group()), text) for text in each.arguments
            ),
            target=-1,
        )
        for each in expansion.function.calls
        if each.kind in ("call", "construct", "macro")
    ]


def _given(name: str, given: Mapping[str, str]) -> str:
    if _PASTED in name:
        return "".join(given.get(part, part) for part in name.split(_PASTED))
    return given.get(name, name)


def handed_back(macro: Macro) -> int | None:
    """The position of the argument that a macro gives back after it has looked at it: `(p)`, or `check(#p, (p))`."""
    if not macro.parameters or ";" in macro.body or "{" in macro.body:
        return None
    body = re.sub(r"#\s*\w+", "", macro.body)
    used = [name for name in macro.parameters if re.search(rf"\b{re.escape(name)}\b", body)]
    if len(used) != 1 or re.search(rf"\b{re.escape(used[0])}\s*(?:\.|->|\[|\()", body):
        return None
    is_last = re.search(rf"\(?\b{re.escape(used[0])}\b\s*[\s)]*$", body) is not None
    return macro.parameters.index(used[0]) if is_last else None


def dropping(macros: Mapping[str, list[Macro]]) -> frozenset[str]:
    """Macros that in some builds do nothing with what they are given."""
    found = set()
    for name, definitions in macros.items():
        taking = [each for each in definitions if each.parameters]
        if any(not _uses(each) for each in taking):
            found.add(name)
    return frozenset(found)


def _uses(macro: Macro) -> bool:
    words = set(_WORD.findall(macro.body))
    names = {"__VA_ARGS__" if name.endswith("...") else name for name in macro.parameters or ()}
    return bool(names & words)
