"""Which trial comes next, given those that were made. Pure: an interrupted search goes on where it stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imp_graphcheck.bisect.trial_settings import TrialKind, TrialSettings
from imp_graphcheck.capture.settings import CAPTURE_MODES
from imp_graphcheck.checks.causes import REUSE, causes_of
from imp_graphcheck.record.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A trial that was made. `run` is None where it left no record."""

    settings: TrialSettings
    run: Run | None


def next_trial(base: TrialSettings, done: Sequence[Done], *, keep_going: bool) -> TrialSettings | None:
    """The settings of the next trial; None when nothing that is left to try could tell more.

    First the target as it is: its census names suspects before anything else is done. Where it was captured, everything is
    kept alive next, which also tries the suspects one by one. A death that this does not prevent may come of a frozen value: where one is
    suspected, every call gets a capture of its own. A death that is not explained then is stepped to its node. Where a capture was refused, the other capture modes. A
    target that failed in none of these is run again and again, since a fault that comes and goes may yet come; memory that
    it gave back only then is kept alive as long as that.
    """
    if not done:
        return replace(base, kind="as it is")
    first = done[0].run
    if first is None or first.verdict in ("interrupted", "failed"):
        return None
    modes = [mode for mode in CAPTURE_MODES if mode not in _tried_modes(done)]
    if _was_refused(first) and modes and (keep_going or not first.graphs):
        return replace(base, kind="as it is", capture_mode=modes[0])
    if first.graphs and not _made(done, "kept alive"):
        return replace(base, kind="kept alive")
    if _froze(first) and _died_unexplained(done) and not _made(done, "captured anew"):
        return replace(base, kind="captured anew")
    if first.graphs and not _made(done, "stepped") and (_died_unexplained(done) or keep_going):
        return replace(base, kind="stepped")
    may_come = keep_going or _all_right(done) or _gives_back_late(done)
    if first.graphs and base.repeat and not _made(done, "repeated") and may_come:
        return replace(base, kind="repeated")
    if _made(done, "repeated") and _gives_back_late(done):
        # Where the graphs of the first uses die, what is longer alive does not help; a graph of each call's own would.
        follow: TrialKind = "captured anew" if _died_from_nothing(done) else "kept alive longer"
        return None if _made(done, follow) else replace(base, kind=follow)
    return None


def _died_from_nothing(done: Sequence[Done]) -> bool:
    probes = [probe for each in done if each.run is not None for probe in each.run.probes]
    return any(probe.probe == "first use" and probe.outcome == "died" for probe in probes)


def _gives_back_late(done: Sequence[Done]) -> bool:
    """Whether memory is suspected that no intervention was tried on: it was given back before the captures, or after many
    passes only.
    """
    runs = [each.run for each in done if each.run is not None]
    probes = [probe for run in runs for probe in run.probes]
    tried = {(site.file, site.line) for probe in probes for site in probe.sites}
    causes = causes_of([finding for run in runs for finding in run.findings], probes)
    return any(
        cause.finding.code in ("GC201", "GC202")
        and not cause.proof
        and (at := cause.finding.allocation_site) is not None
        and (at.file, at.line) not in tried
        for cause in causes
    )


def _all_right(done: Sequence[Done]) -> bool:
    runs = [each.run for each in done if each.run is not None]
    probes = [probe for run in runs for probe in run.probes]
    findings = [finding for run in runs for finding in run.findings if finding.severity == "error"]
    return not findings and not causes_of(runs[0].findings, probes)


def _died_unexplained(done: Sequence[Done]) -> bool:
    """Whether a replay was the end of the device or of its process, and no cause is proven."""
    runs = [each.run for each in done if each.run is not None]
    findings = [finding for run in runs for finding in run.findings]
    probes = [probe for run in runs for probe in run.probes]
    died = any(finding.code in ("GC202", "GC209") for finding in findings) or any(
        probe.probe == "pin" and probe.outcome == "died" for probe in probes
    )
    return died and not any(cause.proof for cause in causes_of(findings, probes))


def _froze(run: Run) -> bool:
    return any(finding.code in REUSE for finding in run.findings)


def _was_refused(run: Run) -> bool:
    return any(finding.code.startswith("GC1") for finding in run.findings)


def _tried_modes(done: Sequence[Done]) -> set[str]:
    return {each.settings.capture_mode for each in done}


def _made(done: Sequence[Done], kind: str) -> bool:
    return any(each.settings.kind == kind for each in done)
