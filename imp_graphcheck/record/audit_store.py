"""Audits on disk: `<output>/audits/<id>/audit.json`, with `<output>/audits/latest` naming the newest.

A record is replaced as a whole, as a run is: see `imp_graphcheck.record.store`.
"""

import os
from pathlib import Path

import msgspec

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import AUDIT_VERSION, Audit

AUDIT_FILE = "audit.json"
AUDITS = "audits"


def save_audit(audit: Audit, directory: Path) -> Path:
    """Write `audit` to `directory/audit.json` atomically and return the path. Raises OSError."""
    path = directory / AUDIT_FILE
    temporary = directory / f".{AUDIT_FILE}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            file.write(encode_audit(audit))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        # Half a record is worth nothing, and whoever comes next may need the room.
        temporary.unlink(missing_ok=True)
        raise
    return path


def load_audit(path: Path) -> Audit:
    """Read an audit from its directory or its file. Raises UsageError, in one sentence, for anything else."""
    file = path / AUDIT_FILE if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"no audit can be read from {path}: {error.strerror or error}.",
            hint="name a directory that `imp-graphcheck audit-syncs` printed, or .graphcheck/audits/latest",
        ) from error
    return decode_audit(data, origin=str(file))


def encode_audit(audit: Audit) -> bytes:
    """One JSON document, as it stands on disk and as `--format json` prints it."""
    return msgspec.json.format(msgspec.json.encode(audit), indent=1) + b"\n"


def decode_audit(data: bytes, *, origin: str) -> Audit:
    """Decode what `encode_audit` made. Raises UsageError naming `origin`."""
    try:
        version = msgspec.json.decode(data, type=_Header).audit_version
        if 1 <= version <= AUDIT_VERSION:
            return msgspec.json.decode(data, type=Audit)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(
            f"{origin} is not an audit of this tool: {error}.", hint="it may be truncated"
        ) from error
    raise UsageError(
        f"{origin} has audit version {version}; this version reads up to {AUDIT_VERSION}.",
        hint="read it with the version of imp-graphcheck that wrote it, or a newer one",
    )


class _Header(msgspec.Struct):
    audit_version: int
