"""One answer of the captured arm: its place poisoned before, compared with the eager answer after."""

from imp_engine.graph import CapturedGraph
from imp_graphcheck.capture.distance import distance
from imp_graphcheck.capture.outputs import HostOutput, still_poisoned, tensors_of
from imp_graphcheck.capture.session import Session
from imp_graphcheck.record.run import CallComparison
from imp_graphcheck.target import Call


def poison_output(session: Session, call: Call) -> list[int]:
    """Poison the outputs that lie in the memory of the call's own graph; returns which of them.

    An output that lies elsewhere may be an input too (a cache updated in place), and must be left alone.
    """
    captured = session.program.runner.captured.get(call.key)
    return [] if captured is None else poison_captured(session, captured)


def poison_captured(session: Session, captured: CapturedGraph) -> list[int]:
    """The same for the outputs of one graph, whether it is filed or not."""
    poisoned = []
    for index, tensor in enumerate(tensors_of(captured.output)):
        if tensor.numel() and session.device.owns(captured.graph, tensor):
            session.device.poison(tensor)
            poisoned.append(index)
    return poisoned


def stale(poisoned: list[int], output: HostOutput, expected: HostOutput) -> bool:
    """Whether a replay left the poison where it was. Tokens of -1 look like it, and can be the answer all the same."""
    return any(still_poisoned(output[index]) and not still_poisoned(expected[index]) for index in poisoned)


def compared(
    session: Session,
    call: Call,
    sweep: int,
    base: HostOutput,
    output: HostOutput,
    through_graph: bool,
    written: bool | None,
) -> CallComparison:
    found, noise = distance(base, output), session.noise[call.index]
    more_bad = found.nan_count + found.inf_count > noise.nan_count + noise.inf_count
    return CallComparison(
        request=call.request,
        call=call.index,
        sweep=sweep,
        label=call.label,
        key=str(call.key),
        path="replay" if through_graph else "eager",
        agreement="nonfinite" if more_bad else "identical",
        noise_max_abs_delta=noise.max_abs_delta,
        max_abs_delta=found.max_abs_delta,
        mean_abs_delta=found.mean_abs_delta,
        bit_equal=found.bit_equal,
        kld=found.kld,
        kld_max=found.kld_max,
        top1_agreement=found.top1_agreement,
        top5_agreement=found.top5_agreement,
        nan_count=found.nan_count,
        inf_count=found.inf_count,
        layouts=found.layouts,
        output_written=written,
    )
