"""GC408, GC501, GC503, GC504: what the captured arm answered, against eager."""

from collections.abc import Sequence

from msgspec.structs import replace

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Agreement, CallComparison, StateComparison
from imp_graphcheck.rules import RULES

NOISE_FACTOR = 4.0
"""How far beyond the largest eager-against-eager difference still counts as noise: a maximum over few runs is a low
estimate of the true one."""


def judged(calls: Sequence[CallComparison]) -> tuple[CallComparison, ...]:
    """The same calls with `agreement` decided by the noise floor of the whole workload."""
    floor = noise_floor(calls)
    return tuple(replace(call, agreement=_agreement(call, floor)) for call in calls)


def noise_floor(calls: Sequence[CallComparison]) -> float:
    """The largest difference between two eager runs of one call."""
    return max((call.noise_max_abs_delta or 0.0 for call in calls), default=0.0)


def _agreement(call: CallComparison, floor: float) -> Agreement:
    if call.agreement == "nonfinite":
        return "nonfinite"
    if call.bit_equal == 1.0:
        return "identical"
    if call.max_abs_delta is not None and 0.0 < call.max_abs_delta <= NOISE_FACTOR * floor:
        return "noise"
    return "diverged"


def check_calls(calls: Sequence[CallComparison]) -> tuple[Finding, ...]:
    """One finding per kind of disagreement and graph, worst call first; the rest is counted in its message."""
    replayed = [call for call in calls if call.path == "replay"]
    findings: list[Finding] = []
    for key in dict.fromkeys(call.key for call in replayed):
        of_key = [call for call in replayed if call.key == key]
        stale = [call for call in of_key if call.output_written is False]
        nonfinite = [call for call in of_key if call.agreement == "nonfinite" and call not in stale]
        diverged = [call for call in of_key if call.agreement == "diverged" and call not in stale]
        findings.extend(_stale(key, stale, len(of_key)))
        findings.extend(_nonfinite(key, nonfinite, len(of_key)))
        findings.extend(_diverged(key, diverged, of_key, noise_floor(calls)))
    return tuple(findings)


def check_state(state: Sequence[StateComparison]) -> tuple[Finding, ...]:
    """GC504 for the persistent tensors that differ, in one finding."""
    different = [tensor for tensor in state if tensor.bytes_different]
    if not different:
        return ()
    worst = max(different, key=lambda tensor: tensor.bytes_different)
    names = list(dict.fromkeys(tensor.name for tensor in different))
    return (
        _finding(
            "GC504",
            f"{len(names)} of {len({tensor.name for tensor in state})} persistent tensors differ from eager after the "
            f"replays; most in {worst.name}: {worst.bytes_different} of {worst.bytes_total} bytes, the first at byte "
            f"{worst.first_difference}",
            None,
        ),
    )


def _stale(key: str, stale: list[CallComparison], replays: int) -> list[Finding]:
    if not stale:
        return []
    first = stale[0]
    return [
        _finding(
            "GC408",
            f"the replay for request {first.request}, {first.label}, wrote nothing: its output still held the poison "
            f"that was put there before it ({len(stale)} of {replays} replays of this graph)",
            key,
        )
    ]


def _nonfinite(key: str, calls: list[CallComparison], replays: int) -> list[Finding]:
    if not calls:
        return []
    worst = max(calls, key=lambda call: call.nan_count + call.inf_count)
    return [
        _finding(
            "GC503",
            f"request {worst.request}, {worst.label}: {worst.nan_count} NaN and {worst.inf_count} infinities under "
            f"replay where eager has fewer ({len(calls)} of {replays} replays of this graph)",
            key,
        )
    ]


def _diverged(
    key: str, calls: list[CallComparison], of_key: list[CallComparison], floor: float
) -> list[Finding]:
    if not calls:
        return []
    worst = max(calls, key=lambda call: call.max_abs_delta or 0.0)
    right = list(dict.fromkeys(call.label for call in of_key if call.agreement in ("identical", "noise")))
    wrong = list(dict.fromkeys(call.label for call in calls))
    contrast = f"; right at {_few(right)}, wrong at {_few(wrong)}" if right else f"; wrong at {_few(wrong)}"
    return [
        _finding(
            "GC501",
            f"request {worst.request}, {worst.label}: {_how_far(worst, floor)} "
            f"({len(calls)} of {len(of_key)} replays of this graph{contrast})",
            key,
        )
    ]


def _how_far(call: CallComparison, floor: float) -> str:
    if call.layouts is not None:
        return f"the replay answers {call.layouts}"
    if not call.max_abs_delta:
        return f"{1 - call.bit_equal:.2%} of the values differ in their bits, none in its number"
    agreement = "" if call.top1_agreement is None else f", top-1 agreement {call.top1_agreement:.2f}"
    return f"max |delta| {call.max_abs_delta:.3g} against a noise floor of {floor:.3g}{agreement}"


def _few(labels: list[str], limit: int = 3) -> str:
    more = f" and {len(labels) - limit} more" if len(labels) > limit else ""
    return " / ".join(labels[:limit]) + more


def _finding(code: str, message: str, graph: str | None) -> Finding:
    return Finding(
        code=code,
        severity="error",
        confidence="confirmed",
        message=message,
        remedy=RULES[code].remedy,
        graph=graph,
    )
