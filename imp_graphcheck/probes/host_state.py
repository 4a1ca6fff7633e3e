"""Host state that `forward` advances, and a replay does not: GC407.

A replay runs no Python. A counter that every eager call moves on stands still from the capture on; whether that matters
shows when it is set by hand to what eager execution would have left there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.probes.rebound import rebound
from imp_graphcheck.record.finding import Confidence, Finding, Severity
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.rules import RULES
from imp_graphcheck.target import Call
from imp_graphcheck.target.scalars import Scalar, same, scalars

MOST_NAMED = 3
"""Places that one message names."""

Values = Mapping[str, Scalar]


@dataclass(slots=True)
class _Watched:
    """What the scalars of the program were right before and right after each answer, by call index."""

    session: Session
    before: dict[int, Values] = field(default_factory=dict)
    after: dict[int, Values] = field(default_factory=dict)

    def around(self, answer: Callable[[Call], object]) -> Callable[[Call], object]:
        def watched(call: Call) -> object:
            self.before[call.index] = _values(self.session)
            output = answer(call)
            self.after[call.index] = _values(self.session)
            return output

        return watched

    def changed(self, name: str, call: Call) -> bool:
        before, after = self.before[call.index].get(name), self.after[call.index].get(name)
        return before is not None and after is not None and not same(before, after)


def host_state(session: Session, answers: Answers) -> tuple[list[ProbeResult], list[Finding]]:
    """The first calls of the workload eagerly, and if that moves a scalar each time, through their graphs; `answers` are
    eager's.

    Looks at the calls up to the second of one graph: keys that come later only are not looked at. The filed graphs stay,
    and what forward changes each time is set back at the end.
    """
    calls = _first_calls(session)
    if not calls:
        why = "no graph serves two calls"
        return [ProbeResult(probe="host state", intervention=why, outcome="not tried")], []
    expected = Answers(
        outputs=answers.outputs
    )  # the state after a part of the workload is nobody's to compare
    results, findings = _compared(session, expected, calls, _values(session))
    if findings or session.dead or run_arm(session, answers).outcome != "wrong":
        return results, findings
    more, found = rebound(session, answers)
    return [*results, *more], found


def _compared(
    session: Session, answers: Answers, calls: Sequence[Call], start: Values
) -> tuple[list[ProbeResult], list[Finding]]:
    sampled = [call for call in calls if _through_graph(session, call)]
    eager = _Watched(session)
    eagerly = run_arm(session, answers, calls=calls, answer=eager.around(session.program.forward))
    if eagerly.error is not None:
        return [eagerly.result("host state", "forward eagerly, with an eye on the scalars it changes")], []
    moving = [name for name in start if all(eager.changed(name, call) for call in sampled)]
    if not moving:
        return [_nothing_moves(eagerly, len(start))], []

    start = {
        name: start[name] for name in moving
    }  # the rest, such as the counts of the runner, is not ours to set
    try:
        return _replayed(session, answers, calls, eager, start)
    finally:
        _put(session, start)


def _replayed(
    session: Session, answers: Answers, calls: Sequence[Call], eager: _Watched, start: Values
) -> tuple[list[ProbeResult], list[Finding]]:
    """Through the graphs, from where the eager calls started: is what they moved left alone, and does it matter?"""
    sampled, moving = [call for call in calls if _through_graph(session, call)], list(start)
    _put(session, start)
    replayed = _Watched(session)
    arm = run_arm(session, answers, calls=calls, answer=replayed.around(lambda call: _answer(session, call)))
    told = f"replays leave alone what forward changes each time: {_named(moving)}"
    results = [arm.result("host state", told)]
    if arm.error is not None:
        return results, []
    frozen = [name for name in moving if not any(replayed.changed(name, call) for call in sampled)]
    if not frozen:
        return results, []
    message = _message(frozen, eager, sampled)
    if arm.outcome == "right":
        return results, [_finding(message, "no answer depends on it here", sampled[0], severity="note")]
    mended = _mended(session, answers, calls, frozen, eager, start)
    if mended is None:
        # Nobody can set it from outside, so that nothing speaks for it, and nothing against.
        return results, [
            _finding(message, "the replays answer otherwise", sampled[0], confidence="suspected")
        ]
    results.append(mended.result("host state", f"{_named(frozen)} set by hand as eager leaves it"))
    if mended.outcome == "right":
        because = "with it set by hand the replays are right, and wrong without"
        return results, [_finding(message, because, sampled[0])]
    because = "the replays are wrong, and stay so with it set by hand"
    return results, [_finding(message, because, sampled[0], severity="warning")]


def _first_calls(session: Session) -> list[Call]:
    """From the start of the workload to the second call of a graph: from there on, `each time` means something."""
    met: set[object] = set()
    for number, call in enumerate(session.calls, 1):
        if _through_graph(session, call):
            if call.key in met:
                return list(session.calls[:number])
            met.add(call.key)
    return []


def _through_graph(session: Session, call: Call) -> bool:
    closed = call.closed or session.closed.get(call.key)
    return closed is None and call.key in session.program.runner.captured


def _answer(session: Session, call: Call) -> object:
    if _through_graph(session, call):
        return session.program.runner.run(call.key, lambda: session.program.forward(call))
    return session.program.forward(call)


def _mended(
    session: Session,
    answers: Answers,
    calls: Sequence[Call],
    frozen: Sequence[str],
    eager: _Watched,
    start: Values,
) -> Arm | None:
    """The replays, each followed by what eager execution of its call left; None where a place cannot be set."""
    places = scalars(session.program.roots())
    if any(name not in places or places[name].put is None for name in frozen):
        return None
    _put(session, start)

    def answer(call: Call) -> object:
        output = _answer(session, call)
        left = eager.after[call.index]
        _put(session, {name: left[name] for name in frozen if name in left})
        return output

    return run_arm(session, answers, calls=calls, answer=answer)


def _values(session: Session) -> Values:
    return {name: place.value for name, place in scalars(session.program.roots()).items()}


def _put(session: Session, values: Values) -> None:
    """Set the scalars that hold something else now."""
    places = scalars(session.program.roots())
    for name, value in values.items():
        place = places.get(name)
        if place is not None and place.put is not None and not same(place.value, value):
            place.put(value)


def _nothing_moves(arm: Arm, count: int) -> ProbeResult:
    return ProbeResult(
        probe="host state",
        intervention=f"{count} scalars of the program looked at around each eager forward",
        outcome="right",
        calls=len(arm.comparisons),
        detail="none of them changes each time",
        seconds=arm.seconds,
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _message(frozen: Sequence[str], eager: _Watched, sampled: Sequence[Call]) -> str:
    first, name = sampled[0].index, frozen[0]
    steps = " -> ".join(
        repr(value)
        for value in (eager.before[first][name], *(eager.after[call.index][name] for call in sampled))
    )
    others = f" (and {_named(frozen[1:])})" if frozen[1:] else ""
    return f"{name}{others} is changed by every eager forward, {steps}, and by no replay"


def _finding(
    message: str,
    because: str,
    call: Call,
    *,
    severity: Severity = "error",
    confidence: Confidence | None = None,
) -> Finding:
    return Finding(
        code="GC407",
        severity=severity,
        confidence=confidence or ("confirmed" if severity == "error" else "suspected"),
        message=f"{message}; {because}",
        remedy=RULES["GC407"].remedy,
        graph=str(call.key),
    )
