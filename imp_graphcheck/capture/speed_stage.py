"""Is the graph faster? The whole workload in both arms, back to back, in alternating order."""

import time
from statistics import median

from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.checks.failures import check_replay_failure
from imp_graphcheck.record.run import Speed


def speed(session: Session) -> None:
    """`--reps` pairs. Nothing is copied to the host, poisoned or compared in here."""
    reps, recorder = session.settings.reps, session.recorder
    why_not = _not_worth_timing(session)
    if why_not is not None:
        recorder.skip("speed", why_not)
        return
    eager: list[float] = []
    captured: list[float] = []
    with recorder.stage("speed", reps) as notes:
        try:
            for rep in range(reps):
                arms = [(False, eager), (True, captured)]
                for through_graph, seconds in arms if rep % 2 == 0 else reversed(arms):
                    seconds.append(_timed(session, through_graph))
                notes.step()
        except Exception as error:
            session.findings.append(check_replay_failure(session.failure(error, "the speed stage")))
            session.save_findings()
            session.dead = session.is_dead(error)
            raise StageError(headline(error)) from error
        ratio = median(slow / fast for slow, fast in zip(eager, captured, strict=True))
        recorder.update(
            speed=Speed(
                eager_seconds=tuple(eager),
                captured_seconds=tuple(captured),
                tokens=sum(call.tokens or 0 for call in session.calls) or None,
                ratio_median=ratio,
            )
        )
        notes.detail = (
            f"captured runs at {ratio:.2f} times the speed of eager (median of {reps} alternating pairs"
            f"{session.device.timing_caveat})"
        )


def _not_worth_timing(session: Session) -> str | None:
    if session.settings.reps == 0:
        return "--reps 0"
    if not session.program.runner.counters.replays:
        return "nothing was replayed"
    if any(call.agreement in ("diverged", "nonfinite") for call in session.comparisons):
        return "the answers differ: how fast they come says nothing"
    return None


def _timed(session: Session, through_graph: bool) -> float:
    program, device = session.program, session.device
    session.restore()
    device.synchronize()
    started = time.perf_counter()
    for call in session.calls:
        program.prepare(call)
        if through_graph and call.key in program.runner.captured and call.closed is None:
            program.runner.run(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
        else:
            program.forward(call)
        program.between(call)
    device.synchronize()
    return time.perf_counter() - started
