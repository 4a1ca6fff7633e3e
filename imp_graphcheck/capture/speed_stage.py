"""Is the graph faster? The whole workload in both arms, back to back, in alternating order."""

from statistics import median

from imp_graphcheck.capture.clock import Clock
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
    eager, captured = Clock(), Clock()
    with recorder.stage("speed", reps) as notes:
        try:
            for rep in range(reps):
                arms = [(False, eager), (True, captured)]
                for through_graph, clock in arms if rep % 2 == 0 else reversed(arms):
                    _run(session, through_graph, clock)
                notes.step()
        except Exception as error:
            session.find(check_replay_failure(session.failure(error, "the speed stage")))
            session.save_findings()
            session.dead = session.is_dead(error)
            raise StageError(headline(error)) from error
        ratio = median(slow / fast for slow, fast in zip(eager.passes, captured.passes, strict=True))
        recorder.update(
            speed=Speed(
                eager_seconds=tuple(eager.passes),
                captured_seconds=tuple(captured.passes),
                tokens=sum(call.tokens or 0 for call in session.calls) or None,
                ratio_median=ratio,
                captured_host=captured.host_time(),
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


def _run(session: Session, through_graph: bool, clock: Clock) -> None:
    """One pass over the workload."""
    program, device = session.program, session.device
    session.restore()
    device.synchronize()
    clock.start()
    for call in session.calls:
        program.prepare(call)
        clock.lap("prepare")
        if through_graph and call.key in program.runner.captured and call.closed is None:
            program.runner.run(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
        else:
            program.forward(call)
        clock.lap("forward")
        program.between(call)
        clock.lap("between")
    device.synchronize()
    clock.lap("wait")
    clock.stop()
