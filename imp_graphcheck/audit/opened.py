"""An audit that the parent makes by itself, without a child that would keep the record: opened before, saved behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import structs

from imp_graphcheck import __version__
from imp_graphcheck.capture.settings import remove_if_empty
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import AUDITS, save_audit
from imp_graphcheck.record.directories import new_directory
from imp_graphcheck.record.store import point_latest


@contextmanager
def opened(output: Path, target: str, command: tuple[str, ...]) -> Iterator[tuple[Audit, Path]]:
    """An empty audit and its directory, which is gone again if the block raises UsageError before it put anything there."""
    started = datetime.now().astimezone()
    audits = output / AUDITS
    created = [folder for folder in (audits, *audits.parents) if not folder.exists()]
    try:
        directory = new_directory(audits, started, target)
    except OSError as error:
        raise UsageError(
            f"--output {output}: cannot be written to: {error.strerror or error}.",
            hint="name a directory that you may write to, such as --output /tmp/graphcheck",
        ) from error
    audit = Audit(
        id=directory.name,
        command=command,
        tool_version=__version__,
        started_at=started.isoformat(timespec="seconds"),
        status="partial",
    )
    try:
        yield audit, directory
    except UsageError:
        remove_if_empty([*sorted(directory.rglob("*"), reverse=True), directory, *created])
        raise


def closed(audit: Audit, directory: Path, **changes: object) -> Audit:
    """Save `audit` with its last changes, and let `latest` name it. Raises OSError."""
    audit = structs.replace(audit, **changes)
    save_audit(audit, directory)
    point_latest(directory)
    return audit
