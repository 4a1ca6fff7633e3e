"""A call in the words of the source, on one line: what tells two calls of one function apart when their lines move."""

import re
from functools import lru_cache
from pathlib import Path

MOST_CHARACTERS = 160

_MOST_LINES = 40
"""A call that is longer has been told apart by then."""
_FILES_KEPT = 8
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_QUOTED = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\[^\'\n]+|[^\'\\\n])\'')
_TOKEN = re.compile(rf"{_QUOTED.pattern}|{_COMMENT.pattern}", re.DOTALL)
_VERSION = r"(?:_v\d+)?(?:_pt[ds][sz])?"
_CLOSING = {"(": ")", "{": "}", "<": ">", "[": "]"}


class CallTexts:
    """Reads the files below `directory` again, those that have sites."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lines = lru_cache(maxsize=_FILES_KEPT)(self._read)

    def of(self, file: str, line: int, api: str) -> str:
        """The call of `api` that begins in `line`, counted from 1; the words of the line where a macro makes it."""
        lines = self._lines(file)[line - 1 : line - 1 + _MOST_LINES]
        return call_text(lines, api.rpartition("::")[2])

    def _read(self, file: str) -> list[str]:
        return (self._directory / file).read_text(encoding="utf-8", errors="replace").split("\n")


def call_text(lines: list[str], name: str) -> str:
    """The first call of `name` in `lines`, if the first statement of them has one; else the words of the first line."""
    # The quoted stay, and what is in comments is no call.
    text = _TOKEN.sub(
        lambda found: found[0] if found[0][0] in "\"'" else " ", "\n".join(lines).replace("\\\n", "\n")
    )
    first, _, rest = text.partition("\n")
    if ";" not in first:
        first += "\n" + rest.partition(";")[0]
    found = re.search(rf"\b{re.escape(name)}{_VERSION}\b(?=\s*[(<{{])", first)
    if found is None:
        return _on_one_line(text.partition("\n")[0])
    begin = found.start()
    while (begin_of := _receiver(text, begin)) < begin:
        begin = begin_of
    return _on_one_line(text[begin : _end(text, found.end())])


def _receiver(text: str, at: int) -> int:
    """Where what stands before a `.`, a `->` or a `::` in front of `at` begins; `at` where there is none."""
    before = text[:at].rstrip()
    sign = next((sign for sign in ("->", "::", ".") if before.endswith(sign)), None)
    if sign is None:
        return at
    before = before.removesuffix(sign).rstrip()
    while before and before[-1] in ")]>":
        before = before[: _opening(before)].rstrip()
    return len(before) - len(re.search(r"\w*$", before)[0])  # type: ignore[index]


def _opening(text: str) -> int:
    """Where the bracket opens that the last character closes; 0 where it does not."""
    opens = {close: each for each, close in _CLOSING.items()}[text[-1]]
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == text[-1]) - (text[at] == opens)
        if not depth:
            return at
    return 0


def _end(text: str, at: int) -> int:
    """Where the call ends whose name ends at `at`: behind its template arguments, the object it makes, its arguments."""
    at = _behind(text, at, "<")
    named = re.compile(r"\s+[A-Za-z_]\w*(?=\s*[({;])").match(text, at)
    at = named.end() if named is not None else at
    return _behind(text, at, "({")


def _behind(text: str, at: int, opening: str) -> int:
    """Behind the brackets that open next, if they are of `opening`; else `at`."""
    start = at + len(text[at:]) - len(text[at:].lstrip())
    if start >= len(text) or text[start] not in opening:
        return at
    opens, closes, depth, here = text[start], _CLOSING[text[start]], 0, start
    while here < len(text):
        quoted = _QUOTED.match(text, here)
        if quoted is not None:
            here = quoted.end()
            continue
        depth += (text[here] == opens) - (text[here] == closes)
        here += 1
        if not depth:
            return here
    return len(text)


def _on_one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= MOST_CHARACTERS else words[: MOST_CHARACTERS - 1] + "…"
