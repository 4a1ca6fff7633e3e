"""Places of the program that every eager `forward` binds to a new tensor, and a replay does not: GC407.

`self.last_hidden = h` is Python. After the captures the place holds the tensor of whichever graph was captured last, and
so it stays: with several graphs, whoever reads it between the calls reads the output of another one.

Tried by binding the place, after each replay, to the tensor that the capture of that graph had put there.
"""

from collections.abc import Hashable, Mapping
from typing import Any

from imp_engine.graph import CapturedGraph
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import Site
from imp_graphcheck.target import Call
from imp_graphcheck.target.bindings import bindings, tensors_in

_REMEDY = "copy it into a tensor of its own inside of the region, or take it from the output of the graph that was replayed"


def rebound(session: Session, answers: Answers) -> tuple[list[ProbeResult], list[Finding]]:
    """Where the replays are wrong: would they be right if the host bound what forward binds? `answers` are eager's.

    The filed graphs stay, and all places are bound to what they were bound to.
    """
    at_start = _bound(session)
    try:
        moving = _moving(session, answers)
        return _tried(session, answers, moving) if moving else ([], [])
    finally:
        _bind(session, at_start)


def _tried(session: Session, answers: Answers, moving: list[str]) -> tuple[list[ProbeResult], list[Finding]]:
    graphs: dict[Hashable, CapturedGraph] = {}
    left: dict[Hashable, dict[str, Any]] = {}
    session.restore()
    for call in session.first_calls:
        if _through_graph(session, call):
            session.program.prepare(call)
            graphs[call.key] = session.program.runner.capture_unfiled(
                call.key,
                lambda call=call: session.program.forward(call),  # type: ignore[misc]
            )
            left[call.key] = {name: value for name, value in _bound(session).items() if name in moving}
            session.device.synchronize()
            session.program.between(call)
    try:
        plain = _replayed(session, answers, graphs, {})
        if plain.outcome != "wrong":
            return [], []
        bound = _replayed(session, answers, graphs, left)
        names = ", ".join(moving[:3])
        results = [
            plain.result("host state", f"replays leave {names} bound as the last capture left it"),
            bound.result("host state", f"{names} bound after each replay to the tensor of its graph"),
        ]
        if bound.outcome != "right":
            return results, []
        return results, [_finding(session, moving, left)]
    finally:
        left.clear()
        for captured in graphs.values():
            captured.graph.reset()


def _replayed(
    session: Session,
    answers: Answers,
    graphs: Mapping[Hashable, CapturedGraph],
    left: Mapping[Hashable, dict[str, Any]],
) -> Arm:
    def answer(call: Call) -> object:
        captured = graphs.get(call.key)
        if captured is None:
            return session.program.forward(call)
        captured.graph.replay()
        _bind(session, left.get(call.key, {}))
        return captured.output

    return run_arm(session, answers, answer=answer)


def _moving(session: Session, answers: Answers) -> list[str]:
    """The places that every eager forward of a call with a graph binds anew."""
    changed: list[set[str]] = []

    def answer(call: Call) -> object:
        before = _bound(session)
        output = session.program.forward(call)
        if _through_graph(session, call):
            after = _bound(session)
            changed.append({name for name, value in after.items() if before.get(name) is not value})
        return output

    run_arm(session, answers, answer=answer)
    return sorted(set.intersection(*changed)) if changed else []


def _through_graph(session: Session, call: Call) -> bool:
    closed = call.closed or session.closed.get(call.key)
    return closed is None and call.key in session.program.runner.captured


def _bound(session: Session) -> dict[str, Any]:
    return {name: binding.value for name, binding in bindings(session.program.roots()).items()}


def _bind(session: Session, values: Mapping[str, Any]) -> None:
    places = bindings(session.program.roots())
    for name, value in values.items():
        place = places.get(name)
        if place is not None and place.value is not value:
            place.put(value)


def _finding(session: Session, moving: list[str], left: Mapping[Hashable, dict[str, Any]]) -> Finding:
    key, places = next((key, places) for key, places in left.items() if places)
    others = f" (and {', '.join(moving[1:3])})" if moving[1:] else ""
    return Finding(
        code="GC407",
        severity="error",
        confidence="confirmed",
        message=(
            f"{moving[0]}{others} is bound to a new tensor by every eager forward, and by no replay: it keeps the one of the "
            "graph that was captured last; bound by hand after each replay the replays are right, and wrong without"
        ),
        remedy=_REMEDY,
        graph=str(key),
        launch_site=_site(session, places.get(moving[0])),
    )


def _site(session: Session, value: Any) -> Site | None:
    """The line that made the tensor of the place, which is where forward computes what it binds."""
    for tensor in tensors_in(value):
        found = session.device.owners_of({tensor.data_ptr()})
        for allocation in session.device.allocations(set(found.values())).values():
            return allocation.allocation_site
    return None
