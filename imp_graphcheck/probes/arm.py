"""The captured arm once more, under an intervention: every call through its graph, held against the eager answers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from imp_graphcheck.capture.answer import compared, poison_output, stale
from imp_graphcheck.capture.outputs import to_host
from imp_graphcheck.capture.session import Answers, Session, headline
from imp_graphcheck.checks.numbers import judged
from imp_graphcheck.record.probe import ProbeName, ProbeOutcome, ProbeResult
from imp_graphcheck.record.run import CallComparison, StateComparison
from imp_graphcheck.record.site import Site
from imp_graphcheck.target import Call

Answer = Callable[[Call], object]
"""Runs one call, whose inputs are prepared, and returns its live output."""


@dataclass(slots=True)
class Arm:
    """What one pass over the workload answered, and how that compares. `error` is what ended it early."""

    comparisons: tuple[CallComparison, ...] = ()
    states: tuple[StateComparison, ...] = ()
    answers: Answers = field(default_factory=Answers)
    error: Exception | None = None
    failed_at: Call | None = None
    dead: bool = False
    seconds: float = 0.0

    @property
    def wrong(self) -> list[CallComparison]:
        """The calls that answered otherwise than eager, or nothing."""
        return [
            each
            for each in self.comparisons
            if each.agreement in ("diverged", "nonfinite") or each.output_written is False
        ]

    @property
    def outcome(self) -> ProbeOutcome:
        if self.error is not None:
            return "died" if self.dead else "refused"
        return "wrong" if self.wrong or self.changed_state else "right"

    @property
    def changed_state(self) -> list[str]:
        """The persistent tensors that were left otherwise than eager leaves them."""
        return [each.name for each in self.states if each.bytes_different]

    def result(
        self, probe: ProbeName, intervention: str, *, detail: str = "", sites: tuple[Site, ...] = ()
    ) -> ProbeResult:
        """The pass as a record."""
        if self.error is not None and self.failed_at is not None:
            detail = (
                detail or f"request {self.failed_at.request}, {self.failed_at.label}: {headline(self.error)}"
            )
        if not detail and self.changed_state:
            detail = f"{len(self.changed_state)} of {len(self.states)} state tensors differ"
        deltas = [each.max_abs_delta for each in self.wrong if each.max_abs_delta is not None]
        return ProbeResult(
            probe=probe,
            intervention=intervention,
            outcome=self.outcome,
            calls=len(self.comparisons) + (self.error is not None),
            wrong_calls=len(self.wrong),
            max_abs_delta=max(deltas, default=None),
            detail=detail,
            sites=sites,
            seconds=self.seconds,
        )


def run_arm(
    session: Session,
    answers: Answers,
    *,
    calls: Sequence[Call] | None = None,
    answer: Answer | None = None,
    before: Callable[[Call], None] = lambda _: None,
) -> Arm:
    """Every call (or these), from the state that every arm starts with.

    `answer` runs a prepared call; the graph of its key if nothing else is said. `before` is called between `prepare`
    and that. An error ends the arm and is part of the result; after one that killed the device, `session.dead` is set.
    """
    arm, started = Arm(), time.perf_counter()
    found: list[CallComparison] = []
    session.restore()
    for call in session.calls if calls is None else calls:
        try:
            found.append(_one(session, answers, call, answer or _through_graph(session, call), before, arm))
        except Exception as error:  # noqa: BLE001 - whatever the program raises is the result
            arm.error, arm.failed_at = error, call
            arm.dead = session.dead = session.is_dead(error)
            break
    arm.comparisons = judged(found)
    if arm.error is None and answers.state:
        arm.states = session.compare_state(answers.state, sweep=0)
        arm.answers.state = session.snapshot(like=answers.state)
    arm.seconds = time.perf_counter() - started
    return arm


def _one(
    session: Session,
    answers: Answers,
    call: Call,
    answer: Answer,
    before: Callable[[Call], None],
    arm: Arm,
) -> CallComparison:
    program, runner = session.program, session.program.runner
    program.prepare(call)
    poisoned = poison_output(session, call)
    before(call)
    replays, fallbacks = runner.counters.replays, runner.counters.fallbacks.total()
    output = to_host(answer(call))
    session.device.synchronize()
    program.between(call)
    arm.answers.outputs[call.index] = output
    through_graph = runner.counters.replays > replays and runner.counters.fallbacks.total() == fallbacks
    base = answers.outputs[call.index]
    written = not stale(poisoned, output, base) if poisoned else None
    return compared(session, call, 0, base, output, through_graph, written)


def _through_graph(session: Session, call: Call) -> Answer:
    runner, forward = session.program.runner, session.program.forward
    closed = call.closed or session.closed.get(call.key)
    if closed is not None:
        return lambda call: runner.fall_back(call.key, closed, lambda: forward(call))
    return lambda call: runner.run(call.key, lambda: forward(call))
