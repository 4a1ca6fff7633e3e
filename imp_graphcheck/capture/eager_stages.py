"""From nothing to what eager execution answers: load, prewarm, warm-up, eager, noise floor."""

import time
from pathlib import Path

from imp_graphcheck.capture.borrowed import Borrowed, find_given_back, remember_borrowed
from imp_graphcheck.capture.distance import distance
from imp_graphcheck.capture.outputs import HostOutput, to_host
from imp_graphcheck.capture.program_errors import program_errors
from imp_graphcheck.capture.recorder import environment_of
from imp_graphcheck.capture.session import Answers, Session, entry
from imp_graphcheck.capture.words import counted
from imp_graphcheck.device.op_trace import OpTrace
from imp_graphcheck.record.run import Distance
from imp_graphcheck.target import Call


def load(session: Session) -> None:
    """Build the program. Only when that has succeeded is there a run on disk."""
    program, device, settings = session.program, session.device, session.settings
    with session.recorder.stage("load") as notes:
        target = program.load(device, settings.capture_mode)
        keys = len(session.first_calls)
        notes.detail = f"{target.name} on {device.kind}: {counted(len(session.calls), 'call')}, {counted(keys, 'graph key')}"
    session.recorder.open(
        Path(settings.output),
        target=target,
        command=settings.command,
        environment=environment_of(device.describe()),
    )


def prewarm(session: Session) -> None:
    """Let the program initialise what is lazy, and remember the state it starts with."""
    with session.recorder.stage("prewarm") as notes, program_errors(session, "prewarm"):
        notes.detail = session.program.prewarm()
        session.device.synchronize()
        session.start = session.snapshot()


def warm_up(session: Session) -> None:
    """One eager call of every graph key, where the capture will happen."""
    program, calls = session.program, session.first_calls
    with session.recorder.stage("warm-up", len(calls)) as notes, program_errors(session, "warm-up"):
        for call in calls:
            program.prepare(call)
            program.runner.warm(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
            session.device.synchronize()
            program.between(call)
            notes.step()
        notes.detail = f"one eager call for each graph key ({len(calls)}), on the capture stream"


def eager(session: Session) -> Answers:
    """Every call eagerly. These are the answers that replays are held against."""
    answers = Answers()
    with session.recorder.stage("eager", len(session.calls)) as notes, program_errors(session, "eager"):
        session.restore()
        for call in session.calls:
            answers.outputs[call.index] = _called(session, call)
            notes.step()
        answers.state = session.snapshot(like=session.start)
        values = sum(tensor.numel() for output in answers.outputs.values() for tensor in output)
        notes.detail = (
            f"{counted(len(session.calls), 'call')}, {counted(values, 'output value')}, "
            f"{counted(len(answers.state), 'state tensor')}"
        )
    session.recorder.save_tensors(
        "eager", {entry(call): answers.outputs[call.index] for call in session.calls}
    )
    return answers


def noise_floor(session: Session, answers: Answers) -> None:
    """Every call eagerly again, from the same state: what `equal` means for this program.

    Where requests are said to be independent they run in reverse order, and only if that changes nothing will the
    captured arm be run in that order too.
    """
    claimed = session.program.independent_requests
    with (
        session.recorder.stage("noise floor", len(session.calls)) as notes,
        program_errors(session, "noise floor"),
    ):
        session.noise = _again(session, answers, session.reversed_calls if claimed else list(session.calls))
        session.reversible = claimed
        answers.reversed_state = session.snapshot(like=answers.state)
        if claimed and not _exact(session.noise):
            in_order = _again(session, answers, list(session.calls))
            if _largest(in_order) < _largest(session.noise):
                session.noise, session.reversible = in_order, False
        notes.detail = (
            "eager equals eager bit for bit"
            if _exact(session.noise)
            else f"eager against eager: max |delta| {_largest(session.noise):.3g}"
        )
        if claimed and not session.reversible:
            notes.detail += "; the order of requests matters, so they are run in one order only"
        session.given_back = find_given_back(session)


def _again(session: Session, answers: Answers, calls: list[Call]) -> dict[int, Distance]:
    session.restore()
    return {call.index: distance(answers.outputs[call.index], _called(session, call)) for call in calls}


def _exact(noise: dict[int, Distance]) -> bool:
    return all(found.bit_equal == 1.0 for found in noise.values())


def _largest(noise: dict[int, Distance]) -> float:
    return max((found.max_abs_delta or 0.0 for found in noise.values()), default=0.0)


def _called(session: Session, call: Call) -> HostOutput:
    program, started = session.program, time.perf_counter()
    program.prepare(call)
    if call.key in session.eager_ops:
        live = program.forward(call)
    else:
        borrowed = Borrowed(session.device.kind)
        borrowed.trace = OpTrace(session.device.kind, observe=borrowed.observe)
        with borrowed.trace:
            live = program.forward(call)
        session.eager_ops[call.key] = borrowed.trace.launches
        if call.closed is None:
            remember_borrowed(session, call, borrowed)
    output = to_host(live)
    program.between(call)
    seconds = time.perf_counter() - started
    session.slowest_eager_seconds = max(session.slowest_eager_seconds, seconds)
    return output
