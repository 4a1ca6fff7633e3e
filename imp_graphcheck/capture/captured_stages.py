"""Capture and replay. The record is on disk before each step that may kill the process."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext

from msgspec.structs import replace

from imp_engine.graph_runner import GraphRunner
from imp_graphcheck.capture.answer import compared, poison_output, stale
from imp_graphcheck.capture.census import remember_names
from imp_graphcheck.capture.forward import marked
from imp_graphcheck.capture.outputs import HostOutput, to_host
from imp_graphcheck.capture.program_errors import program_errors
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.refusal import traced
from imp_graphcheck.capture.session import Answers, Session, entry, headline
from imp_graphcheck.capture.tables import blame_tables, look_again
from imp_graphcheck.capture.words import counted
from imp_graphcheck.checks.disturbance import check_recaptures
from imp_graphcheck.checks.failures import check_capture_failure, check_replay_failure
from imp_graphcheck.checks.numbers import judged
from imp_graphcheck.target import Call

Around = Callable[[], AbstractContextManager[object]]
"""Makes what each capture happens in."""

SWEEPS = 2
"""Passes over the workload in the replay stage: a first replay right after a capture proves little."""


def capture(session: Session, around: Around = nullcontext) -> None:
    """Capture the graph of every key as the program would, each inside `around()`. Executes nothing of it."""
    runner = session.program.runner
    wanted = [call for call in session.first_calls if (call.closed or runner.closed(call.key)) is None]
    with session.recorder.stage("capture", len(wanted)) as notes:
        for call in wanted:
            _captured(session, call, around)
            notes.step()
        notes.detail = f"{len(runner.captured)} of {counted(len(wanted), 'graph key')} captured"
        if session.closed:
            notes.status = "failed"
            notes.detail = f"{len(session.closed)} of {len(wanted)} captures failed; {notes.detail}"
        elif not wanted:
            notes.status, notes.detail = "skipped", "no call may run through a graph"


def _patience(session: Session) -> float:
    """After how many seconds a replay hangs: it does what an eager call did, whose time is known.

    A copy from host memory that is gone may never come back, and nobody wants to wait ten minutes to be told.
    """
    timeout = session.settings.timeout
    return max(_TIMES_EAGER * session.slowest_eager_seconds, _LEAST_PATIENCE_SECONDS, timeout / 10)


_TIMES_EAGER = 20
_LEAST_PATIENCE_SECONDS = 60.0


def replay(session: Session, answers: Answers) -> None:
    """Every call of the workload through its graph, in two orders, each compared with the eager answer."""
    runner = session.program.runner
    outputs: dict[str, HostOutput] = {}
    captures = runner.counters.captures
    reasons = _reasons_to_drop(runner)
    with session.recorder.stage("replay", SWEEPS * len(session.calls), _patience(session)) as notes:
        for sweep in range(SWEEPS):
            session.restore()
            for call in _ordered(session, sweep):
                outputs[f"sweep-{sweep}/{entry(call)}"] = _replayed(session, call, sweep, answers)
                session.recorder.progress(
                    lambda: {"calls": judged(session.comparisons), "replays": runner.counters.replays}
                )
                notes.step()
            base = answers.reversed_state if _is_reversed(session, sweep) else answers.state
            session.states.extend(session.compare_state(base, sweep=sweep))
        recaptures = runner.counters.captures - captures
        session.find(*check_recaptures(recaptures, SWEEPS * len(session.calls), reasons))
        _note_replays(session)
        replays = runner.counters.replays
        notes.detail = (
            f"{counted(replays, 'replay')} in {SWEEPS} sweeps over {counted(len(session.calls), 'call')}"
        )
        if replays == 0:
            notes.status = "skipped"
    session.recorder.save_tensors("captured", outputs)


def _reasons_to_drop(runner: GraphRunner) -> list[str]:
    """Filled with the reason each time the program drops a graph from now on."""
    reasons: list[str] = []
    announced = runner.hooks.invalidated

    def invalidated(key: Hashable, reason: str) -> None:
        reasons.append(reason)
        announced(key, reason)

    runner.hooks.invalidated = invalidated
    return reasons


def _captured(session: Session, call: Call, around: Around) -> None:
    """Capture the graph of `call`. What fails becomes a finding, and the other graphs are still tried."""
    error = _capture_error(session, call, around)
    if error is None:
        remember_names(session)
        with program_errors(session, "capture"):
            session.program.between(call)
        return
    # Not inside the handler of the error: what is raised there would be told as its consequence.
    failure = session.failure(error, call.key)
    session.dead = session.is_dead(error)
    session.find(check_capture_failure(failure if session.dead else traced(session, call, failure)))
    session.save_findings()
    session.closed[call.key] = f"its capture failed: {headline(error)}"
    if session.dead:
        raise StageError(f"capture of {call.key}: {headline(error)}") from error


def _capture_error(session: Session, call: Call, around: Around) -> Exception | None:
    program = session.program
    try:
        program.prepare(call)
        with around():
            program.runner.capture(call.key, lambda: marked(session, call))
        session.device.synchronize()
    except Exception as error:  # noqa: BLE001 - whatever the program raises is the finding
        return error
    return None


def _replayed(session: Session, call: Call, sweep: int, answers: Answers) -> HostOutput:
    """One call of the captured arm."""
    program, runner = session.program, session.program.runner
    captured = runner.captured.get(call.key)
    fallbacks, replays = runner.counters.fallbacks.total(), runner.counters.replays
    try:
        program.prepare(call)
        poisoned = poison_output(session, call)
        closed = call.closed or session.closed.get(call.key)
        if closed is not None:
            live = runner.fall_back(call.key, closed, lambda: program.forward(call))
        else:
            live = runner.run(call.key, lambda: program.forward(call))
        output = to_host(live)
        session.device.synchronize()
        look_again(session, call)
        program.between(call)
    except Exception as error:
        blame_tables(session, call)
        session.find(check_replay_failure(session.failure(error, call.key)))
        session.dead = session.is_dead(error)
        _note_replays(session)
        raise StageError(f"request {call.request}, {call.label}: {headline(error)}") from error
    launched = captured is not None or runner.counters.replays > replays
    through_graph = launched and runner.counters.fallbacks.total() == fallbacks
    written = None if not poisoned else not stale(poisoned, output, answers.outputs[call.index])
    session.comparisons.append(
        compared(session, call, sweep, answers.outputs[call.index], output, through_graph, written)
    )
    return output


def _note_replays(session: Session) -> None:
    """How often each graph was replayed, and the findings so far, into the record."""
    runner = session.program.runner
    counts = {str(key): captured.replays for key, captured in runner.captured.items()}
    session.recorder.update(
        replays=runner.counters.replays,
        graphs=tuple(
            replace(trace, replays=counts.get(trace.key, trace.replays))
            for trace in session.recorder.run.graphs
        ),
        findings=tuple(session.findings),
    )


def _ordered(session: Session, sweep: int) -> list[Call]:
    """In odd sweeps the requests come in reverse order, so that short follows long and long follows short."""
    return session.reversed_calls if _is_reversed(session, sweep) else list(session.calls)


def _is_reversed(session: Session, sweep: int) -> bool:
    return bool(sweep % 2) and session.reversible
