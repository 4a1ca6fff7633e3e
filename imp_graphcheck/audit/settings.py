"""What the user asked `audit-syncs` for, where a program is run."""

from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.capture.settings import CaptureSettings

PHASES = ("load", "prewarm", "warm-up", "eager", "capture", "replay")
"""What the warm child goes through, in order."""

Part = Literal["warm", "cold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings(CaptureSettings):
    """The options of `capture` that say what is run and how; the others are not looked at.

    `cold` adds the process that runs each key once before anything is warm. `part` and `directory` are the launcher's: which
    child this is, and where the audit lies that the cold one adds to.
    """

    cold: bool = True
    part: Part = "warm"
    directory: str = ""
