"""An audit where RUN is expected: its directory, or its `audit.json`."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import AUDIT_FILE, load_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAudit:
    """An audit and where it lies."""

    audit: Audit
    directory: Path


def saved_audit(word: str) -> SavedAudit | None:
    """The audit that `word` names; None if it names none, and may name a run. Raises UsageError if it is damaged."""
    path = Path(word)
    if path.is_dir() and (path / AUDIT_FILE).is_file():
        # The link may name another audit by the time that somebody uses what is printed.
        directory = path.parent / path.readlink() if path.is_symlink() else path
        return SavedAudit(audit=load_audit(path), directory=directory)
    if path.is_file() and (path.name == AUDIT_FILE or _looks_like_one(path)):
        return SavedAudit(audit=load_audit(path), directory=path.parent)
    return None


def _looks_like_one(path: Path) -> bool:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Shape).audit_version is not None
    except (msgspec.DecodeError, OSError, RecursionError):
        return False


class _Shape(msgspec.Struct):
    """What an audit has, and a run has not."""

    audit_version: int | None = None
