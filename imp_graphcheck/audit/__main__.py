"""The child processes of `audit-syncs`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imp_graphcheck.audit.settings import AuditSettings
from imp_graphcheck.capture.worker import run_worker

if TYPE_CHECKING:
    from imp_graphcheck.apis.verdict import CaptureMode
    from imp_graphcheck.capture.session import Session


def _audit(session: "Session", settings: AuditSettings) -> None:
    if settings.part == "cold":
        from imp_graphcheck.audit.cold import run_cold

        run_cold(session, Path(settings.directory))
        return
    from imp_graphcheck.audit.keeper import Keeper
    from imp_graphcheck.audit.phases import run_phases

    run_phases(session, Keeper(session.recorder.send, cast("CaptureMode", settings.capture_mode)))


if __name__ == "__main__":
    sys.exit(run_worker(AuditSettings, _audit))
