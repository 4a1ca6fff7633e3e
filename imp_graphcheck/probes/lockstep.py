"""Lockstep: a call that a graph answers wrongly, operator by operator against eager. GC502, or GC503.

    eager, twice       what every operator writes, and how far two eager runs are apart
    the graph          captured once more as it was captured, its operators observed; then stepped node by node for
                       the wrong call, each operator's memory looked at before the next one can use it again
    a closer look      both once more, at the first operator that differs: its inputs, its results

Memory that an allocation leaves to chance is zero in all of them, so that what differs was computed.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from imp_graphcheck.capture.captured_stages import Around
from imp_graphcheck.capture.reading import trace_of
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.checks.first_divergence import (
    Executed,
    Mark,
    Region,
    differs,
    diverged,
    first_mismatch,
    first_that_matters,
)
from imp_graphcheck.device import GraphUnreadableError, StepError, StepRefusedError
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.probes.divergence import Divergence, of_absence, of_operators, of_results
from imp_graphcheck.probes.held import Held
from imp_graphcheck.probes.runs import LookAt, Observed, Ran, observed, run_eagerly, run_stepped
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import Node
from imp_graphcheck.record.probe import ProbeOutcome, ProbeResult
from imp_graphcheck.rules import RULES
from imp_graphcheck.target import Call

_Judgement = tuple[ProbeOutcome, str, Finding | None]
_Three = tuple[Ran, Ran, Ran]
"""Eager, eager again, and the graph."""


@dataclass(frozen=True, slots=True)
class InStep:
    """What became of one call. No finding: the answer does not differ, or not for a reason that an operator shows."""

    result: ProbeResult
    finding: Finding | None = None


def lockstep(session: Session, call: Call, around: Around = nullcontext) -> InStep:
    """Hold `call` through a graph of its key against eager. Sets `session.dead` if the device does not survive it.

    The capture is made inside `around()`: where everything that it points at is kept alive, what is dead cannot hide
    what is frozen.
    """
    started = time.perf_counter()
    try:
        outcome, detail, finding = _compared(session, call, around)
    except StepError as error:
        session.dead = session.is_dead(error)
        outcome, detail, finding = "died", headline(error), None
    except (StepRefusedError, GraphUnreadableError) as error:
        outcome, detail, finding = "refused", headline(error), None
    except Exception as error:  # noqa: BLE001 - the program's own, whatever it is: it is driven out of its order
        session.dead = session.is_dead(error)
        outcome, detail, finding = "died" if session.dead else "refused", headline(error), None
    result = ProbeResult(
        probe="lockstep",
        intervention=f"request {call.request}, {call.label}: operator by operator against eager",
        outcome=outcome,
        calls=1,
        wrong_calls=int(outcome == "wrong"),
        detail=detail,
        seconds=time.perf_counter() - started,
    )
    return InStep(result, finding)


def _compared(session: Session, call: Call, around: Around) -> _Judgement:
    held = Held(session.device)
    # Twice also where eager answers the same bit for bit: noise of an operator may be lost on the way to the answer.
    eager, again = run_eagerly(session, call, held), run_eagerly(session, call, held)
    if first_mismatch(eager.executed, again.executed) is not None:
        return "refused", "eager runs other operators the second time", None
    first = next(each for each in session.first_calls if each.key == call.key)
    with observed(session, first, around) as graph:
        stepped = run_stepped(session, call, held, graph)
        return _judged(session, call, held, graph, (eager, again, stepped))


def _judged(session: Session, call: Call, held: Held, graph: Observed, ran: _Three) -> _Judgement:
    eager, again, stepped = (each.executed for each in ran)
    mismatch = first_mismatch(eager, stepped)
    count = len(stepped) if mismatch is None else mismatch
    different = diverged(eager, again, stepped, count)
    wrong = [region for region, marks in _ends(ran) if differs(*marks)]
    if not wrong:
        return "right", _why_right(count, different, mismatch), None
    ends = _reads_of(mismatch, stepped) if mismatch is not None else wrong
    number = first_that_matters(stepped, different, ends or wrong, count)
    if number is not None:
        closer = LookAt(number), LookAt(number)
        run_eagerly(session, call, held, closer[0])
        run_stepped(session, call, held, graph, closer[1])
        divergence = of_results(number, ran[0], ran[2], closer)
    elif mismatch is not None:
        divergence = of_operators(mismatch, ran[0], ran[2])
    else:
        absence = of_absence(wrong, count, ran[2])
        if absence is None:
            return "wrong", "the answer differs, and nothing that an operator of the graph wrote", None
        divergence = absence
    finding = _finding(session, call, graph, divergence)
    return "wrong", finding.message, finding


def _ends(ran: _Three) -> Iterator[tuple[Region, tuple[Mark | None, Mark | None, Mark | None]]]:
    """Where the answer and the state lie in the graph, with the marks of all three."""
    for eager, again, stepped in zip(*(each.ends for each in ran), strict=False):
        yield stepped[0], (eager[1], again[1], stepped[1])


def _reads_of(number: int, executed: Sequence[Executed]) -> list[Region]:
    return list(executed[number].reads) if number < len(executed) else []


def _why_right(count: int, different: set[int], mismatch: int | None) -> str:
    """The replay was wrong, and a capture of the same call that was made anew is not."""
    told = f"a graph that is captured now answers as eager does ({count} operators)"
    if mismatch is not None:
        told += ", by other operators"
    if different:
        told += f"; {len(different)} of them differ, and nothing comes of it"
    return told


def _finding(session: Session, call: Call, graph: Observed, divergence: Divergence) -> Finding:
    code = "GC503" if divergence.brings_nonfinite else "GC502"
    nodes = graph.nodes[divergence.number] if divergence.number < len(graph.nodes) else range(0)
    node = graph.trace.nodes[nodes.stop - 1] if nodes else None
    return Finding(
        code=code,
        severity="error",
        confidence="confirmed",
        message=f"request {call.request}, {call.label}: {divergence.words}",
        remedy=RULES[code].remedy,
        graph=str(call.key),
        node=None if node is None or not _is_filed(session, call, node) else node.index,
        kernel=None if node is None else node.name,
        argument=divergence.argument,
        launch_site=site_of(divergence.stack),
    )


def _is_filed(session: Session, call: Call, node: Node) -> bool:
    """Whether the graph that is replayed has this node at the same place."""
    filed = trace_of(session, call.key).nodes
    return node.index < len(filed) and filed[node.index].name == node.name
