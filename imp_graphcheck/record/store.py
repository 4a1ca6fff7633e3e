"""Runs on disk: `<output>/runs/<id>/run.json`, with `<output>/runs/latest` naming the newest.

A record is replaced as a whole (written beside, then renamed), so that a reader, or a process killed at any
moment, finds the previous version or the new one and never half of either.
"""

import errno
import os
from pathlib import Path

import msgspec

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.encoder import Encoder
from imp_graphcheck.record.run import SCHEMA_VERSION, Run
from imp_graphcheck.record.upgrade import MalformedDocumentError, upgraded

RUN_FILE = "run.json"
LATEST = "latest"


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk, or the user's share of it, is full, or a file may not grow any more."""


class UnsavedError(Exception):
    """A record could not be written, for a reason that is no mistake of anybody here. One sentence."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"{directory} cannot be written to: {reason}; what was saved there before is whole")


def save_run(run: Run, directory: Path, encoder: Encoder | None = None, *, durable: bool = True) -> Path:
    """Write `run` to `directory/run.json` atomically and return the path. Raises OSError.

    Whoever saves a run again and again brings an encoder along. Every save outlives the process; a `durable` one
    outlives the machine.
    """
    path = directory / RUN_FILE
    temporary = directory / f".{RUN_FILE}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            file.write((encoder or Encoder()).encode(run))
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        # Half a record is worth nothing, and whoever comes next may need the room.
        temporary.unlink(missing_ok=True)
        raise
    return path


def remove_unfinished(directory: Path) -> None:
    """Remove what a process left that died while it saved a run. Raises OSError."""
    for temporary in directory.glob(f".{RUN_FILE}.*"):
        temporary.unlink(missing_ok=True)


def load_run(path: Path) -> Run:
    """Read a run from its directory or its `run.json`.

    Raises UsageError, in one sentence, when there is none, or it is truncated, foreign, or newer than this
    version of the tool understands.
    """
    file = path / RUN_FILE if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"no run can be read from {path}: {error.strerror or error}.",
            hint="name a directory that `imp-graphcheck capture` printed, or .graphcheck/runs/latest",
        ) from error
    return decode_run(data, origin=str(file))


def decode_run(data: bytes, *, origin: str) -> Run:
    """Decode what `encode_run` made, in this version or an older one. Raises UsageError naming `origin`."""
    try:
        version = msgspec.json.decode(data, type=_Header).schema_version
        if version == SCHEMA_VERSION:
            return msgspec.json.decode(data, type=Run)
        if version < SCHEMA_VERSION:
            return msgspec.convert(upgraded(msgspec.json.decode(data)), type=Run)
    except (msgspec.DecodeError, MalformedDocumentError, RecursionError) as error:
        raise UsageError(
            f"{origin} is not a run of this tool: {error}.", hint="it may be truncated"
        ) from error
    raise UsageError(
        f"{origin} has schema version {version}; this version reads up to {SCHEMA_VERSION}.",
        hint="read it with the version of imp-graphcheck that wrote it, or a newer one",
    )


def encode_run(run: Run) -> bytes:
    """One JSON document, as it stands on disk."""
    return Encoder().encode(run)


def point_latest(directory: Path) -> None:
    """Make `latest`, beside `directory`, name it. Raises OSError."""
    link = directory.parent / LATEST
    temporary = directory.parent / f".{LATEST}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(directory.name)
    temporary.replace(link)


class _Header(msgspec.Struct):
    schema_version: int
