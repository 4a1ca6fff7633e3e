"""What it all means: the comparison, the evidence behind it, and the verdict."""

from collections import Counter

from imp_graphcheck.capture.borrowed import told_already
from imp_graphcheck.capture.census import take_census
from imp_graphcheck.capture.comparison import compare_with_wrong_calls
from imp_graphcheck.capture.distance import distance
from imp_graphcheck.capture.outputs import HostOutput
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.capture.settings import STAGES
from imp_graphcheck.capture.words import counted
from imp_graphcheck.checks.evidence import Contrast, missing_evidence, single_call_graphs
from imp_graphcheck.checks.fallbacks import check_fallbacks
from imp_graphcheck.checks.gain import check_gain
from imp_graphcheck.checks.numbers import check_calls, check_state, judged, noise_floor
from imp_graphcheck.checks.ranking import filed_deaths, ranked, settled_drift
from imp_graphcheck.record.finding import at_least
from imp_graphcheck.record.run import Verdict


def compare(session: Session) -> None:
    """Judge every replay against the noise floor, and the state byte for byte."""
    with session.recorder.stage("compare") as notes:
        _judge(session)
        compare_with_wrong_calls(session)
        take_census(session)  # what was freed between the replays
        session.find(*(each for each in session.given_back if not told_already(each, session.findings)))
        count = Counter(comparison.agreement for comparison in session.comparisons)
        changed = sum(bool(tensor.bytes_different) for tensor in session.states)
        states = f"; {changed} of {len(session.states)} state tensors differ" if session.states else ""
        notes.detail = ", ".join(f"{number} {word}" for word, number in count.most_common()) + states
        if count["diverged"] or count["nonfinite"] or changed:
            notes.status = "failed"


def conclude(session: Session, answers: Answers | None, failed: str | None) -> None:
    """Write the verdict. `failed` is why the stages ended early, if they did."""
    runner, recorder = session.program.runner, session.recorder
    if failed is not None:
        # What was compared before the end is worth as much as ever.
        _judge(session)
    fallbacks = dict(runner.counters.fallbacks)
    session.find(*check_fallbacks(fallbacks, recorder.run.replays))
    caveat, eagerly = session.device.timing_caveat, sum(fallbacks.values())
    session.find(*check_gain(recorder.run.speed, timing_caveat=caveat, fallbacks=eagerly))
    settled = settled_drift(session.findings, session.comparisons, session.states)
    session.findings[:] = ranked(filed_deaths(settled))
    contrasts = _contrasts(session, answers) if answers is not None else []
    missing = missing_evidence(session.comparisons, contrasts, recorder.run.replays)
    verdict, reason = _verdict(session, failed, missing)
    alone = single_call_graphs(contrasts)
    if alone and _replays(session):
        recorder.note(f"served one call each, so shown for that call only: {'; '.join(alone)}")
    recorder.update(
        verdict=verdict,
        verdict_reason=reason,
        fallbacks=fallbacks,
        findings=tuple(session.findings),
    )


def _judge(session: Session) -> None:
    session.comparisons[:] = judged(session.comparisons)
    session.find(*check_calls(session.comparisons), *check_state(session.states))
    session.recorder.update(
        calls=tuple(session.comparisons), state=tuple(session.states), findings=tuple(session.findings)
    )


def _verdict(session: Session, failed: str | None, missing: tuple[str, ...]) -> tuple[Verdict, str]:
    level = session.settings.fail_on
    serious = [finding for finding in session.findings if at_least(finding.severity, level)]
    if serious:
        return "findings", serious[0].message
    if failed is not None:
        return "inconclusive", failed
    graphs = session.recorder.run.graphs
    if not _replays(session):
        if not graphs:
            return "inconclusive", "there is no graph to look at"
        nodes = sum(len(graph.nodes) for graph in graphs)
        return "inspected", f"nothing found in {counted(nodes, 'node')}; nothing was replayed"
    if missing:
        return "inconclusive", "; ".join(missing)
    replays = session.recorder.run.replays
    floor = noise_floor(session.comparisons)
    return "clean", f"{replays} replays agree with eager, at a noise floor of {floor:.3g}"


def _replays(session: Session) -> bool:
    """Whether the settings ask for replays at all."""
    return STAGES.index(session.settings.until) >= STAGES.index("replay")


def _contrasts(session: Session, answers: Answers) -> list[Contrast]:
    outputs: dict[str, list[HostOutput]] = {}
    for call in session.calls:
        outputs.setdefault(str(call.key), []).append(answers.outputs[call.index])
    return [
        Contrast(key=key, calls=len(of_key), max_abs_delta=_largest_difference(of_key))
        for key, of_key in outputs.items()
    ]


def _largest_difference(outputs: list[HostOutput]) -> float | None:
    layout = [tensor.shape for tensor in outputs[0]]
    alike = [other for other in outputs[1:] if [tensor.shape for tensor in other] == layout]
    deltas = [distance(outputs[0], other).max_abs_delta for other in alike]
    return max((delta for delta in deltas if delta is not None), default=None)
