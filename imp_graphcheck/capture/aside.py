"""Captures beside those that are replayed: made as the program makes its own, read, and dropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from imp_graphcheck.capture.forward import marked, observed
from imp_graphcheck.capture.reading import read
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.capture.state import Snapshot
from imp_graphcheck.checks.failures import check_capture_failure
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.target import Call


@dataclass(slots=True)
class Aside:
    """One such capture.

    `before` is the state right before it. `launches` are its operators, where it was observed.
    """

    trace: GraphTrace
    before: Snapshot = field(default_factory=dict)
    launches: list[Launch] = field(default_factory=list)


@contextmanager
def aside(session: Session, call: Call, *, observe: bool = False) -> Iterator[Aside | None]:
    """A capture of `call`, with the program as it is right after it; None where there is none.

    A program may refuse a call out of the order of its workload. That is its right, and only noted; an error of the
    device is a finding. Whatever happens, `between` follows where `prepare` went before.
    """
    try:
        session.program.prepare(call)
        before = session.snapshot(like=session.start) if observe else {}
    except Exception as error:  # noqa: BLE001 - the program's own, whatever it is
        _refused(session, call, error)
        yield None
        return
    yield from _captured(session, call, before, observe)
    try:
        session.program.between(call)
    except Exception as error:  # noqa: BLE001 - the program's own, whatever it is
        _refused(session, call, error)


def _captured(session: Session, call: Call, before: Snapshot, observe: bool) -> Iterator[Aside | None]:
    program = session.program
    launches: list[Launch] = []
    try:
        captured = program.runner.capture_unfiled(
            call.key, lambda: observed(session, call, launches) if observe else marked(session, call)
        )
        session.device.synchronize()
    except Exception as error:  # noqa: BLE001 - the program's own, whatever it is
        if session.device.explain(error) is not None:
            session.find(check_capture_failure(session.failure(error, f"{call.key} ({call.label})")))
        _refused(session, call, error)
        yield None
        return
    try:
        yield Aside(read(session, captured, launches), before, launches)
    finally:
        captured.graph.reset()


def _refused(session: Session, call: Call, error: BaseException) -> None:
    """Raises StageError where nothing can follow."""
    session.dead = session.is_dead(error)
    if session.dead:
        raise StageError(f"{call.key} ({call.label}): {headline(error)}") from error
    session.recorder.note(f"{call.key} ({call.label}) could not be captured once more: {headline(error)}")
