"""C++ that the grammar cannot read, put into words that it can. Lines stay where they are."""

import re

IS_TYPE = "ː"
"""Stands behind the name of a built-in type that a macro is given as an argument, which no grammar allows."""

_SIZED = "|".join(f"{name}{bits}_t" for name in ("int", "uint") for bits in (8, 16, 32, 64))
_TYPE = rf"(?P<{{}}>bool|char|int|float|double|size_t|ssize_t|ptrdiff_t|{_SIZED})"
_ONE_DEEP = r"\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)"
_TO_MEND = re.compile(
    "|".join(
        (
            # DISPATCH(float, copy(a, b)): two arguments at least, since (float) is a cast
            rf"(?<=,)\s*{_TYPE.format('later')}(?=\s*[,)])",
            rf"(?<=\()\s*{_TYPE.format('first')}(?=\s*,)",
            rf"(?P<attribute>__(?:dpct_)?align__\s*{_ONE_DEEP}|__(?:maxnreg|cluster_dims|block_size)__\s*{_ONE_DEEP}|__grid_constant__)",
            # "text" WORD "text"
            rf"(?<=\")[ \t]+(?P<behind>[A-Z][A-Za-z0-9_]*(?:{_ONE_DEEP})?)(?=\s*[\",);:])",
            # f(typename A::B{}), using typename A::B
            r"(?<=[(,=<])\s*(?P<typename>typename)(?=\s+[\w:]+\s*[({])|(?<=\busing )(?P<imported>typename)\b",
            # int f(A a = {}), enum : int { a }
            r"=\s*(?P<default>\{\s*\})(?=\s*[,)])|(?<=\benum)\s*(?P<base>:\s*\w+)(?=\s*\{)",
            r"(?<=[(,])\s*(?P<before>[A-Z][A-Z0-9_]+)(?=[ \t]+\")",
        )
    )
)


_INSTEAD = {"default": "0"}


def readable(text: str) -> str:
    """`text` without what the grammar stumbles over. See `as_written` for the way back."""
    return _TO_MEND.sub(_mend, text)


def _mend(match: re.Match[str]) -> str:
    name = match.lastgroup
    assert name is not None
    found = match.group(name)
    return match.group().replace(
        found, found + IS_TYPE if name in ("later", "first") else _INSTEAD.get(name, " ")
    )


def as_written(text: str) -> str:
    """Words of a text that `readable` gave, as they were before."""
    return text.replace(IS_TYPE, "")
