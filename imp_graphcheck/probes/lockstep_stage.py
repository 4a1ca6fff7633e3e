"""The stage of `capture` that asks which operator the graphs that answered wrongly go wrong at."""

from collections.abc import Iterator

from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.words import counted
from imp_graphcheck.probes.lockstep import InStep, lockstep
from imp_graphcheck.target import Call

_WRONG = ("diverged", "nonfinite")


def locksteps(session: Session) -> None:
    """One call of each graph that answered wrongly, while the device is alive. No stage where none did."""
    suspects = list(_suspects(session))
    if session.dead or not suspects:
        return
    with session.recorder.stage("lockstep", len(suspects)) as notes:
        named = 0
        for calls in suspects:
            last = _tried(session, calls)
            if session.dead:
                notes.status = "failed"
                break
            named += last.finding is not None
            notes.step()
        session.save_findings()
        notes.detail = f"the operator is named for {named} of {counted(len(suspects), 'wrong graph')}"
        if not named:
            notes.detail += f": {last.result.detail}"
    if not session.dead:
        session.restore()


def _tried(session: Session, calls: list[Call]) -> InStep:
    """One after the other, up to the first that an operator can be named for."""
    for call in calls:
        found = lockstep(session, call)
        session.recorder.update(probes=(*session.recorder.run.probes, found.result))
        if found.finding is not None:
            session.find(found.finding)
            break
        if session.dead:
            break
    return found


def _suspects(session: Session) -> Iterator[list[Call]]:
    """For each graph: its first wrong call, then the calls of that request before it, which left it the state."""
    captured = session.program.runner.captured
    wrong = {each.call for each in session.comparisons if each.agreement in _WRONG and each.path == "replay"}
    first: dict[object, Call] = {}
    for call in session.calls:
        if call.index in wrong and call.key in captured:
            first.setdefault(call.key, call)
    for call in first.values():
        yield [call, *_before(session, call)]
    if not first and any(each.bytes_different for each in session.states):
        yield [call for call in session.calls if call.key in captured]


def _before(session: Session, call: Call) -> list[Call]:
    captured = session.program.runner.captured
    earlier = session.calls[: call.index]
    return [each for each in earlier if each.request == call.request and each.key in captured]
