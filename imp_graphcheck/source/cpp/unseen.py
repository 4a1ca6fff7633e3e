"""Macros of headers that are not part of the tree, known by where they stand: no type and no variable may stand there.

`API_CALL static void f()`, `class API_EXPORT Engine {`, `const float * RESTRICT x`, `void f() API_NOEXCEPT {`,
`PRAGMA_UNROLL for (...)`. They are blanked; lines stay as they are.
"""

import re
from collections.abc import Container

_CAPITALS = r"(?<![\w.:>#])(?P<word>[A-Z][A-Z0-9]*_[A-Z0-9_]*|[A-Z]{4,}[A-Z0-9]*)"
_DECLARES = (
    r"static|inline|extern|constexpr|void|bool|int|char|float|double|unsigned|struct|enum|class|union|virtual|template"
    r"|typename|auto|long|short|signed|explicit|friend|namespace|size_t|__global__|__device__|__host__"
)
_RUNS = r"for|while|do|if|switch|return|try"
_KEYWORD = rf"(?:{_DECLARES}|{_RUNS}|const|volatile|new|delete|else|case|goto|using|typedef|operator|public|private|protected|final|override|noexcept)\b"
_STANDS = re.compile(
    "|".join(
        (
            # before a word that begins a declaration or a statement
            rf"{_CAPITALS}(?=\s+(?:{_DECLARES}|{_RUNS})\b)",
            # three words in a row, the last one called or declared: the first is no type
            rf"{_CAPITALS.replace('word', 'first')}(?=\s+(?!{_KEYWORD})[A-Za-z_][\w:]*(?:<[^<>;{{}}()]*>)?[\s*&]+(?!{_KEYWORD})[A-Za-z_][\w:]*\s*\()",
            # between `class` and the name
            r"(?<=class )(?P<exported>[A-Z][A-Z0-9]*_[A-Z0-9_]*)(?=\s+\w+[\w:<>,\s]*?[{:])",
            r"(?<=struct )(?P<shown>[A-Z][A-Z0-9]*_[A-Z0-9_]*)(?=\s+\w+[\w:<>,\s]*?[{:])",
            # between a star and a name
            r"(?<=\*)(?P<space>\s*)(?P<restrict>[A-Z][A-Z0-9]*_?[A-Z0-9_]*)(?=\s+\w+\s*[,)=;\[])",
            # after the parameters
            r"(?<=\))(?P<gap>\s*)(?P<after>[A-Z][A-Z0-9]*_[A-Z0-9_]*)(?=\s*\{)",
        )
    )
)
_GROUPS = ("word", "first", "exported", "shown", "restrict", "after")
_ANY = re.compile(r"[A-Z]{4}|[A-Z]_")


def without_unseen(text: str, known: Container[str]) -> str:
    """`text` without the macros that stand where only a macro can. `known` are those that the tree defines."""
    if _ANY.search(text) is None:
        return text

    def blank(match: re.Match[str]) -> str:
        word = next(found for name in _GROUPS if (found := match.group(name)) is not None)
        return match.group() if word in known else match.group().replace(word, " " * len(word))

    return _STANDS.sub(blank, text)
