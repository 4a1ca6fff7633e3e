"""The trial that keeps everything alive: is it a lifetime, whose, and does giving it up bring the fault back?

Stages after those that `capture` has too:

    kept alive   every call through its graph, with all memory of the capture held by pins
    fresh        if that is still wrong: a capture for each call, so that nothing of another call can be frozen in it
    lockstep     the first wrong call operator by operator, down to the one that makes it so
    host state   what forward changes on the host each time, and a replay does not
    delay        the device held back, so that the host is ahead of it
    padding      other content in the padding of each call
    poison       other content in what only the pins hold, line by line: which of it matters?
    chosen       pins on those lines alone: do they suffice?
    given up     the pins let go and the cache emptied: the fault comes back, if it was theirs
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

from imp_graphcheck.capture.captured_stages import capture
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import StageError, StageNotes
from imp_graphcheck.capture.session import Answers, Session, headline
from imp_graphcheck.capture.words import counted
from imp_graphcheck.checks.failures import check_replay_failure
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.probes.dead import DeadSite, dead_sites, finding_of, read_captured
from imp_graphcheck.probes.delay import delay
from imp_graphcheck.probes.fresh import fresh_captures
from imp_graphcheck.probes.host_state import host_state
from imp_graphcheck.probes.lockstep import lockstep
from imp_graphcheck.probes.padding import padding
from imp_graphcheck.probes.pin import Pins
from imp_graphcheck.probes.poison import ONES, ZEROS, Effect, effective, filled
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import UNKNOWN, Site


class _Probe(Protocol):
    def __call__(
        self, session: Session, answers: Answers, *, eagerly: bool = False
    ) -> tuple[list[ProbeResult], list[Finding]]: ...


_AHEAD_AND_PADDED: tuple[tuple[Literal["delay", "padding"], _Probe], ...] = (
    ("delay", delay),
    ("padding", padding),
)


def run_kept_alive(session: Session, passes: int = 1) -> None:
    """All of it, after so many passes over the workload. Whatever a stage learns is on disk before the next one, which
    may kill the process.
    """
    failed = None
    try:
        with session.device.recording():
            _all_stages(session, passes)
    except StageError as failure:
        failed = str(failure)
    session.recorder.update(
        verdict="inconclusive" if failed else "findings" if session.findings else "clean",
        verdict_reason=failed or "all interventions were made",
        findings=tuple(session.findings),
    )
    if not session.dead:
        session.program.teardown()


def _all_stages(session: Session, passes: int) -> None:
    load(session)
    prewarm(session)
    session.device.keep_up()
    warm_up(session)
    answers = eager(session)
    session.device.keep_up()
    noise_floor(session, answers)
    session.device.keep_up()
    pins = Pins()
    capture(session, lambda: _pinned(session, pins))
    read_captured(session)
    for _ in range(passes - 1):
        run_arm(session, answers)
    kept = _kept_alive(session, answers)
    if kept.outcome == "wrong":
        add_fresh(session, answers)
        _lockstep(session, kept, pins)
    _host_state(session, answers)
    steady = _steady(session, answers)
    # Wrong replays may read what no call has written: what an intervention does to that proves nothing. Eager calls
    # have the same staging buffers and the same padding.
    eagerly = kept.outcome != "right"
    for name, probe in _AHEAD_AND_PADDED:
        with session.recorder.stage(name) as notes:
            results, findings = probe(session, answers if eagerly else steady, eagerly=eagerly)
            session.find(*findings)
            for result in results:
                _told(session, notes, result)
        if session.dead:
            raise StageError(f"{name}: the device did not survive it")
    sites = dead_sites(session, pins)
    harmful = _poison(session, steady, sites)
    harmless = [site for site in sites if site not in harmful]
    if harmless:
        _give_up(pins, harmless)
        _chosen(session, answers, harmful)
    if harmful:
        _give_up(pins, harmful)
        _given_up(session, answers, harmful)


@contextmanager
def _pinned(session: Session, pins: Pins) -> Iterator[None]:
    pins.keep_all_alive(session.device.torch_device)
    with pins.keeping_host_sources():
        yield


def _kept_alive(session: Session, answers: Answers) -> Arm:
    with session.recorder.stage("kept alive", len(session.calls)) as notes:
        arm = run_arm(session, answers)
        _told(
            session,
            notes,
            arm.result("pin", "everything that was allocated when a graph was captured is kept alive"),
        )
        if arm.error is not None:
            session.find(check_replay_failure(session.failure(arm.error, _key(arm))))
            raise StageError(f"with everything kept alive: {headline(arm.error)}") from arm.error
    return arm


def _steady(session: Session, answers: Answers) -> Answers:
    """What the replays answer when each graph has been replayed before: what interventions are held against."""
    arm = run_arm(session, answers)
    if arm.error is not None:
        raise StageError(f"once more with everything kept alive: {headline(arm.error)}") from arm.error
    return arm.answers


def add_fresh(session: Session, answers: Answers) -> None:
    """Every call through a capture of its own. Raises StageError where the device does not survive that."""
    with session.recorder.stage("fresh", len(session.calls)) as notes:
        arm = fresh_captures(session, answers)
        _told(
            session,
            notes,
            arm.result("fresh", "each call is replayed from a graph that was captured for it alone"),
        )
        _require_alive(session, arm)


def _lockstep(session: Session, kept: Arm, pins: Pins) -> None:
    """The first call that is wrong, down to the operator that makes it so."""
    wrong = next((each for each in kept.wrong if each.path == "replay"), None)
    if wrong is None:
        return
    with session.recorder.stage("lockstep") as notes:
        found = lockstep(session, session.calls[wrong.call], lambda: _pinned(session, pins))
        if found.finding is not None:
            session.find(found.finding)
        _told(session, notes, found.result)
    if session.dead:
        raise StageError("lockstep: the device did not survive it")


def _host_state(session: Session, answers: Answers) -> None:
    with session.recorder.stage("host state") as notes:
        results, findings = host_state(session, answers)
        session.find(*findings)
        for result in results:
            _told(session, notes, result)
    if session.dead:
        raise StageError("host state: the device did not survive it")


def _poison(session: Session, kept: Answers, sites: list[DeadSite]) -> list[DeadSite]:
    """The lines whose content reaches an answer, or is overwritten by a replay."""
    if not sites:
        return []
    harmful: list[DeadSite] = []
    with session.recorder.stage("poison") as notes:
        for fill in (ZEROS, ONES):
            rest = [site for site in sites if site not in harmful]
            harmful.extend(_with_effect(session, kept, rest, fill))
        notes.detail = (
            f"{len(harmful)} of {counted(len(sites), 'line')} whose memory was given back reach the answers "
            f"or are written by the replays"
        )
        session.find(*(finding_of(site, session.recorder.run.graphs) for site in harmful))
        session.save_findings()
    return harmful


def _with_effect(session: Session, kept: Answers, sites: Sequence[DeadSite], fill: int) -> list[DeadSite]:
    written: list[DeadSite] = []

    def has_effect(group: Sequence[DeadSite]) -> bool:
        effect = filled(session, kept, group, fill)
        where = ", ".join(map(str, group))
        told = f"0x{fill:02X} in {where}; held against the same replays without it"
        _add(session, effect.arm.result("poison", told, sites=_sites(group)))
        _require_alive(session, effect.arm)
        for site in effect.written:
            if site not in written:
                written.append(site)
                _add(session, _canary(effect, site, fill))
        return effect.arm.outcome != "right"

    found = effective(sites, has_effect)
    return [site for site in sites if site in found or site in written]


def _canary(effect: Effect, site: DeadSite, fill: int) -> ProbeResult:
    return ProbeResult(
        probe="canary",
        intervention=f"0x{fill:02X} in {site}",
        outcome="wrong",
        calls=len(effect.arm.comparisons),
        detail="the replays wrote over it: whoever gets this memory next loses its content",
        sites=_sites([site]),
        seconds=effect.arm.seconds,
    )


def _chosen(session: Session, answers: Answers, harmful: list[DeadSite]) -> None:
    with session.recorder.stage("chosen", len(session.calls)) as notes:
        arm = run_arm(session, answers)
        kept = "nothing" if not harmful else "only " + ", ".join(map(str, harmful))
        _told(session, notes, arm.result("pin", f"{kept} is kept alive", sites=_sites(harmful)))
        _require_alive(session, arm)


def _give_up(pins: Pins, sites: list[DeadSite]) -> None:
    for site in sites:
        while site.storages:
            pins.release(site.storages.pop())


def _given_up(session: Session, answers: Answers, harmful: list[DeadSite]) -> None:
    """Last, because it may be the end of the device."""
    with session.recorder.stage("given up", len(session.calls)) as notes:
        session.device.module.empty_cache()
        arm = run_arm(session, answers)
        where = ", ".join(map(str, harmful))
        _told(
            session,
            notes,
            arm.result("unmap", f"{where} is given up, and the cache emptied", sites=_sites(harmful)),
        )
        if arm.error is not None and session.device.explain(arm.error) is not None:
            session.find(check_replay_failure(session.failure(arm.error, _key(arm))))


def _told(session: Session, notes: StageNotes, result: ProbeResult) -> None:
    notes.detail = (
        f"{result.wrong_calls} of {result.calls} calls wrong" if result.wrong_calls else result.outcome
    )
    if result.detail:
        notes.detail += f": {result.detail}"
    _add(session, result)


def _add(session: Session, result: ProbeResult) -> None:
    session.recorder.update(probes=(*session.recorder.run.probes, result), findings=tuple(session.findings))


def _require_alive(session: Session, arm: Arm) -> None:
    if session.dead and arm.error is not None:
        raise StageError(headline(arm.error)) from arm.error


def _key(arm: Arm) -> str:
    return str(arm.failed_at.key) if arm.failed_at is not None else ""


def _sites(group: Sequence[DeadSite]) -> tuple[Site, ...]:
    return tuple(site.site or UNKNOWN for site in group)
