"""The child process of `capture`."""

import sys
from typing import TYPE_CHECKING

from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.worker import run_worker

if TYPE_CHECKING:
    from imp_graphcheck.capture.session import Session


def _stages(session: "Session", _settings: CaptureSettings) -> None:
    from imp_graphcheck.capture.stages import Experiments, run_stages
    from imp_graphcheck.probes.lockstep_stage import locksteps
    from imp_graphcheck.probes.series import run_probes

    run_stages(session, Experiments(after_compare=locksteps, at_the_end=run_probes))


if __name__ == "__main__":
    sys.exit(run_worker(CaptureSettings, _stages))
