"""What the user asked `bisect` for."""

from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.capture.settings import CaptureSettings, validate
from imp_graphcheck.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectSettings:
    """`capture` is what every trial runs. `resume` is the directory of an interrupted bisection to go on with."""

    capture: CaptureSettings
    max_trials: int = 12
    repeat: int = 10
    keep_going: bool = False
    resume: Path | None = None
    command: tuple[str, ...] = ()

    def validate(self) -> None:
        """Raise UsageError for what is wrong on the face of it."""
        if self.max_trials < 1:
            raise UsageError(
                f"--max-trials {self.max_trials}: it must be at least 1.",
                hint="each trial is one child process",
            )
        if self.repeat < 0:
            raise UsageError(
                f"--repeat {self.repeat}: it must be at least 0.",
                hint="how often a target that did not fail is run again; 0 does not",
            )
        validate(self.capture)
