"""What the exit status of every command means."""

from enum import IntEnum

from imp_graphcheck.record.run import Verdict


class ExitCode(IntEnum):
    """Exit status of `imp-graphcheck`."""

    CLEAN = 0
    """Checked, and nothing was found."""
    FINDINGS = 1
    """At least one finding of the level that `--fail-on` names."""
    USAGE = 2
    """Bad usage or bad input; nothing was checked."""
    INTERNAL = 3
    """The tool itself failed."""
    INCONCLUSIVE = 125
    """Nothing was proven: zero replays, or a comparison that could not have failed (git bisect's skip)."""
    INTERRUPTED = 130
    """Ctrl-C; the partial run is saved."""


VERDICT_EXIT: dict[Verdict, ExitCode] = {
    "clean": ExitCode.CLEAN,
    "inspected": ExitCode.CLEAN,
    "findings": ExitCode.FINDINGS,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "failed": ExitCode.INTERNAL,
    "interrupted": ExitCode.INTERRUPTED,
    "running": ExitCode.INTERNAL,
}
