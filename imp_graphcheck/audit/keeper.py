"""Keeps the audit of the warm child: whatever is known of it is on disk after every phase."""

import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from imp_graphcheck import __version__
from imp_graphcheck.apis.verdict import CaptureMode
from imp_graphcheck.audit.seen import WARM_FILE, Outcome, Seen, save_seen
from imp_graphcheck.audit.sighting import Sighting
from imp_graphcheck.audit.sites import audit_sites
from imp_graphcheck.child.events import Event, RunStarted
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import AUDITS, save_audit
from imp_graphcheck.record.directories import new_directory
from imp_graphcheck.record.store import UnsavedError


class Keeper:
    """The audit as it grows. Before `open` there is nothing on disk. What saves raises UnsavedError where there is no room."""

    def __init__(self, send: Callable[[Event], None], mode: CaptureMode) -> None:
        self.outcome = Outcome(mode=mode)
        self.audit: Audit
        self._send = send
        self._directory: Path
        self._announced = False
        self._started = time.monotonic()

    def open(self, output: Path, target: str, **facts: Any) -> None:
        """Make the directory of the audit, `<output>/audits/<id>`; the first `save` puts something there."""
        started = datetime.now().astimezone()
        try:
            self._directory = new_directory(output / AUDITS, started, target)
        except OSError as error:
            raise UnsavedError(output, error.strerror or str(error)) from error
        self.audit = Audit(
            id=self._directory.name,
            tool_version=__version__,
            started_at=started.isoformat(timespec="seconds"),
            target=target,
            status="partial",
            **facts,
        )

    def announce(self) -> None:
        """There is something on disk: tell the parent where."""
        self._announced = True
        self._send(RunStarted(str(self._directory)))

    def note(self, text: str) -> None:
        """Add a remark for the reader."""
        self.audit = replace(self.audit, notes=(*self.audit.notes, text))

    def captured(self, key: str) -> None:
        """`key` has a graph."""
        self.outcome = replace(self.outcome, captured=(*self.outcome.captured, key))

    def failed(self, key: str, place: tuple[str, int] | None) -> None:
        """The capture of `key` failed, at `place`."""
        self.outcome = replace(self.outcome, failed={**self.outcome.failed, key: place})

    def save(self, sightings: tuple[Sighting, ...], **changes: Any) -> None:
        """Judge what was seen so far, change other fields of the audit, and put it on disk."""
        self.audit = replace(
            self.audit,
            sites=audit_sites(sightings, self.outcome, Path.cwd()),
            seconds=time.monotonic() - self._started,
            **changes,
        )
        try:
            save_seen(Seen(sightings=sightings, outcome=self.outcome), self._directory / WARM_FILE)
            save_audit(self.audit, self._directory)
        except OSError as error:
            if not self._announced:
                shutil.rmtree(self._directory)
            raise UnsavedError(self._directory, error.strerror or str(error)) from error
