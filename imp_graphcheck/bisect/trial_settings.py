"""What one trial is asked to do: the target as `capture` runs it, and the intervention."""

from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.capture.settings import CaptureSettings

TrialKind = Literal["as it is", "kept alive", "captured anew", "stepped", "repeated", "kept alive longer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings(CaptureSettings):
    """`repeat` is how many passes over the workload a `repeated` trial makes, and one that keeps everything alive longer."""

    kind: TrialKind = "kept alive"
    repeat: int = 0
