"""The child process of one trial."""

import sys
from typing import TYPE_CHECKING

from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.capture.worker import run_worker

if TYPE_CHECKING:
    from imp_graphcheck.capture.session import Session


def _trial(session: "Session", settings: TrialSettings) -> None:
    match settings.kind:
        case "as it is":
            from imp_graphcheck.capture.stages import run_stages

            run_stages(session)  # the trial after it looks closer
        case "kept alive":
            from imp_graphcheck.bisect.kept_alive import run_kept_alive

            run_kept_alive(session)
        case "kept alive longer":
            from imp_graphcheck.bisect.kept_alive import run_kept_alive

            run_kept_alive(session, passes=settings.repeat)
        case "captured anew":
            from imp_graphcheck.bisect.captured_anew import run_captured_anew

            run_captured_anew(session)
        case "stepped":
            from imp_graphcheck.bisect.stepped import run_stepped

            run_stepped(session)
        case "repeated":
            from imp_graphcheck.bisect.repeated import run_repeated

            run_repeated(session, settings)


if __name__ == "__main__":
    sys.exit(run_worker(TrialSettings, _trial))
