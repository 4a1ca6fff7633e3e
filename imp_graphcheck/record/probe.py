"""What an intervention on the running program did to its answers."""

from typing import Literal

import msgspec

from imp_graphcheck.record.site import Site

ProbeName = Literal[
    "replay",
    "step",
    "poison",
    "canary",
    "pin",
    "unmap",
    "delay",
    "fresh",
    "first use",
    "padding",
    "sweep",
    "lockstep",
    "host state",
    "output reuse",
    "mode",
    "shrink",
]
ProbeOutcome = Literal["right", "wrong", "died", "refused", "not tried"]


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One intervention, and what became of the answers.

    `intervention` says in one sentence what was done to the program. `outcome` is how the captured arm then stood
    against eager: `right` within the noise floor, `wrong` beyond it; `died` when the device or the program did not
    survive it, `refused` when the program would not be driven that way. `calls` were run, `wrong_calls` of them
    answered wrongly, the worst of them by `max_abs_delta`. `sites` are the lines whose memory was touched.
    """

    probe: ProbeName
    intervention: str
    outcome: ProbeOutcome
    calls: int = 0
    wrong_calls: int = 0
    max_abs_delta: float | None = None
    detail: str = ""
    sites: tuple[Site, ...] = ()
    seconds: float = 0.0
