"""What `bisect` found: causes with their proof, the trials that it took, and what was ruled out."""

import os
from pathlib import Path
from typing import Literal

import msgspec

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import Target

BISECTION_FILE = "bisection.json"
BISECTION_VERSION = 1

BisectionStatus = Literal["running", "found", "nothing found", "inconclusive", "interrupted"]


class Cause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A finding, and the interventions that show it to be one.

    `necessary`: without it mended, and everything else mended, the answers are still wrong or memory is still written
    that is not the program's; None where no intervention could tell.
    """

    finding: Finding
    proof: tuple[ProbeResult, ...] = ()
    necessary: bool | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One child process. `run` is the directory of its record, beside the bisection's; empty where it left none."""

    number: int
    kind: str
    capture_mode: str
    run: str
    outcome: str
    seconds: float


class Bisection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The document that `bisect --format json` prints.

    `settings` are the options of `capture` that every trial was run with. `sufficient`: with all causes mended at once the
    answers were right; None where that was not tried. `symptoms` are findings that follow from the causes, `noticed` are
    warnings that are no cause.
    `reproduction` is the file of a standalone program that shows the first cause, where one was made and did, with
    `reproduction_options` of `capture`.
    """

    schema_version: int = BISECTION_VERSION
    id: str
    command: tuple[str, ...]
    tool_version: str
    started_at: str
    settings: dict[str, str | int | float | None]
    target: Target | None = None
    status: BisectionStatus = "running"
    reason: str = ""
    causes: tuple[Cause, ...] = ()
    sufficient: bool | None = None
    symptoms: tuple[Finding, ...] = ()
    noticed: tuple[Finding, ...] = ()
    ruled_out: tuple[str, ...] = ()
    tried: tuple[ProbeResult, ...] = ()
    trials: tuple[Trial, ...] = ()
    seconds: float = 0.0
    reproduction: str | None = None
    reproduction_options: str = ""
    notes: tuple[str, ...] = ()


def save_bisection(bisection: Bisection, directory: Path) -> Path:
    """Write it to `directory/bisection.json` atomically and return the path. Raises OSError."""
    path = directory / BISECTION_FILE
    temporary = directory / f".{BISECTION_FILE}.{os.getpid()}"
    temporary.write_bytes(encode_bisection(bisection))
    temporary.replace(path)
    return path


def encode_bisection(bisection: Bisection) -> bytes:
    """One JSON document, as it stands on disk."""
    return msgspec.json.format(msgspec.json.encode(bisection), indent=1) + b"\n"


def load_bisection(path: Path) -> Bisection:
    """Read one from its directory or its file. Raises UsageError, in one sentence."""
    file = path / BISECTION_FILE if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"no bisection can be read from {path}: {error.strerror or error}.",
            hint="name a directory that `imp-graphcheck bisect` printed, or .graphcheck/bisections/latest",
        ) from error
    try:
        version = msgspec.json.decode(data, type=_Header).schema_version
        if version <= BISECTION_VERSION:
            return msgspec.json.decode(data, type=Bisection)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(
            f"{file} is not a bisection of this tool: {error}.", hint="it may be truncated"
        ) from error
    raise UsageError(
        f"{file} has schema version {version}; this version reads up to {BISECTION_VERSION}.",
        hint="read it with the version of imp-graphcheck that wrote it, or a newer one",
    )


class _Header(msgspec.Struct):
    schema_version: int
