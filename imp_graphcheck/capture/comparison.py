"""GC301 to GC306: the graph of a key against a capture of another call that it serves."""

from imp_graphcheck.capture.aside import aside
from imp_graphcheck.capture.reading import trace_of
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.drift import check_drift
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, generations_in
from imp_graphcheck.target import Call

_WRONG = ("diverged", "nonfinite")


def compare_with_another_call(session: Session, call: Call, seen: GraphTrace) -> None:
    """Before the replays: against the call that is said to differ most. `seen` is another capture of `call`."""
    other = _most_different(session, call)
    if other is not None:
        session.find(*_compared(session, trace_of(session, call.key), call, other, seen))


def compare_with_wrong_calls(session: Session) -> None:
    """After the replays: graphs that answered wrongly, and nobody knows why, against their worst call."""
    told = {finding.graph for finding in session.findings if finding.code < "GC5"}
    captured = session.program.runner.captured
    for call in session.first_calls:
        of_key = [each for each in session.comparisons if each.key == str(call.key)]
        wrong = [each for each in of_key if each.agreement in _WRONG and each.call != call.index]
        if call.key not in captured or str(call.key) in told or not wrong:
            continue
        worst = max(wrong, key=lambda each: each.max_abs_delta or 0.0)
        with aside(session, call, observe=True) as seen:
            pass
        if seen is not None:
            base, other = trace_of(session, call.key), session.calls[worst.call]
            session.find(*_compared(session, base, call, other, seen.trace, wrong=True))


def frozen_at(session: Session, base: GraphTrace, call: Call, other: Call) -> tuple[Finding, ...]:
    """GC301 to GC306 for the graph `base`, captured at `call`, which answers `other` wrongly."""
    with aside(session, call, observe=True) as seen:
        pass
    return () if seen is None else _compared(session, base, call, other, seen.trace, wrong=True)


def _compared(
    session: Session, base: GraphTrace, call: Call, other: Call, seen: GraphTrace, *, wrong: bool = False
) -> tuple[Finding, ...]:
    """Before anything is said, both calls are captured once more: what differs between captures of one call is not the
    call's doing, and what is must come out the same again.
    """
    theirs = _plainly(session, other)
    if theirs is None:
        return ()
    findings = _drift(session, base, (call, other), theirs, [seen], [], wrong=wrong)
    if not findings:
        return ()
    again, repeat = _plainly(session, call), _plainly(session, other)
    if again is None or repeat is None:
        return findings
    return _drift(session, base, (call, other), theirs, [seen, again], [repeat], wrong=wrong)


def _plainly(session: Session, call: Call) -> GraphTrace | None:
    """One more capture of `call`, as the graph that is replayed was captured; None where nothing of it can be read."""
    with aside(session, call) as found:
        pass
    return None if found is None or not found.trace.nodes else found.trace


def _drift(
    session: Session,
    base: GraphTrace,
    calls: tuple[Call, Call],
    theirs: GraphTrace,
    controls: list[GraphTrace],
    repeats: list[GraphTrace],
    *,
    wrong: bool,
) -> tuple[Finding, ...]:
    return check_drift(
        base,
        theirs,
        session.device.allocations(generations_in((base, theirs, *controls, *repeats))),
        base_facts=calls[0].facts,
        other_facts=calls[1].facts,
        controls=controls,
        repeats=repeats,
        host_addresses=session.device.host_addresses(),
        moved_on=wrong,
    )


def _most_different(session: Session, first: Call) -> Call | None:
    """The call of the same key that shares the fewest facts with the captured one, the last of those that tie."""
    others = [call for call in session.calls if call.key == first.key and call.index != first.index]

    def distance(call: Call) -> tuple[int, int]:
        differing = sum(call.facts.get(name) != value for name, value in first.facts.items())
        return differing, call.index

    return max(others, key=distance, default=None)
