"""What every SARIF 2.1.0 document of this tool is made of: the frame, rules, and places in files.

Code hosts want more than the standard: a result without a file is refused, and the whole document with it.
"""

import json
import posixpath
import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from imp_reports.rule_text import Rules
from imp_reports.text import visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BASE = "%SRCROOT%"

Json = dict[str, Any]
Level = Literal["error", "warning", "note"]


def document(
    *,
    version: str,
    category: str,
    rules: Sequence[Json],
    invocation: Json,
    results: Sequence[Json],
    indent: int | None = 2,
) -> bytes:
    """The document of one run of the tool. `category` tells it from other uploads for the same commit."""
    driver = {"name": "imp-graphcheck", "version": version, "rules": rules}
    whole = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": category},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {BASE: {"description": {"text": "the root of the checked sources"}}},
                "invocations": [invocation],
                "results": results,
            }
        ],
    }
    separators = None if indent is not None else (",", ":")
    return json.dumps(whole, indent=indent, separators=separators).encode() + b"\n"


def rule(code: str, rules: Rules) -> Json:
    """A rule as the catalogue has it; only its name where the catalogue does not know it."""
    known = rules.get(code)
    if known is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.meaning},
        "help": {"text": f"{known.meaning} To do: {known.remedy}."},
    }


def invocation(
    command: Sequence[str],
    *,
    ended: bool,
    notifications: Sequence[tuple[Level, str]],
) -> Json:
    """How the tool was called. What proved nothing, or did not end, must not look like what found nothing."""
    found: Json = {"commandLine": visible(shlex.join(command)), "executionSuccessful": ended}
    if notifications:
        found["toolExecutionNotifications"] = [
            {"level": level, "message": {"text": visible(text)}} for level, text in notifications
        ]
    return found


def flow(steps: Sequence[Json]) -> list[Json]:
    """One way through the program, location by location."""
    return [{"threadFlows": [{"locations": [{"location": step} for step in steps]}]}]


def location(file: str, line: int, function: str, message: str, roots: Sequence[Path]) -> Json:
    """A line of a file, or the whole file where the line is unknown, or the function where the file is."""
    found: Json = {}
    where = artifact(file, roots)
    if where is not None:
        found["physicalLocation"] = {"artifactLocation": where}
        if line > 0:
            found["physicalLocation"]["region"] = {"startLine": line}
    if function or where is None:
        name = visible(function) or "the program"
        found["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "function"}]
    if message:
        found["message"] = {"text": visible(message)}
    return found


def artifact(file: str, roots: Sequence[Path]) -> Json | None:
    """A file below one of `roots` by its way from there. None for what names no file: `<string>`, or nothing."""
    return _artifact(file, tuple(map(str, roots)))


@lru_cache(maxsize=4096)
def _artifact(file: str, roots: tuple[str, ...]) -> Json | None:
    # A few files hold all sites, and the steps that lead to them: they are asked for by the hundred thousand.
    if not file or file.startswith("<") or "\0" in file:
        return None
    path = posixpath.normpath(file)
    if path.startswith("/"):
        for root in roots:
            if Path(path).is_relative_to(root):
                return _artifact(Path(path).relative_to(root).as_posix(), ())
        return {"uri": f"file://{quote('/' + path.lstrip('/'))}"}
    # A way out of the sources has no place in a document that knows nothing but them.
    return None if path == "." or path.split("/")[0] == ".." else {"uri": quote(path), "uriBaseId": BASE}
