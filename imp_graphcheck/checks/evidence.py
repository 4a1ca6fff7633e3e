"""Whether a clean result would mean anything: what was replayed, and could the comparison have failed?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from imp_graphcheck.checks.numbers import NOISE_FACTOR, noise_floor
from imp_graphcheck.record.run import CallComparison

LEAST_REPLAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """How different the eager outputs of one graph's calls are: what a stale replay would be caught by.

    `max_abs_delta` is the largest difference between any two of them; None when there is only one call.
    """

    key: str
    calls: int
    max_abs_delta: float | None


def missing_evidence(
    calls: Sequence[CallComparison], contrasts: Sequence[Contrast], replays: int
) -> tuple[str, ...]:
    """Why nothing was proven, in sentences; empty when a clean result means something."""
    if replays == 0:
        return ("no call was replayed from a graph",)
    reasons = []
    if replays < LEAST_REPLAYS:
        reasons.append(f"only {replays} replay was made, and a first replay proves little")
    replayed = {call.key for call in calls if call.path == "replay"}
    if not any(call.max_abs_delta is not None for call in calls):
        reasons.append("no finite output was compared")
    floor = noise_floor(calls)
    tellable = [
        contrast
        for contrast in contrasts
        if contrast.key in replayed
        and contrast.max_abs_delta is not None
        and contrast.max_abs_delta > NOISE_FACTOR * floor
    ]
    if not tellable:
        reasons.append(_indistinct(contrasts, floor))
    return tuple(reasons)


def _indistinct(contrasts: Sequence[Contrast], floor: float) -> str:
    if all(contrast.calls < 2 for contrast in contrasts):
        return (
            "every graph served a single call, so a value frozen at capture could not show: "
            "let calls() return calls that differ and share a key"
        )
    if floor > 0.0:
        return (
            f"two eager runs of the same call differ by up to {floor:.3g}, as much as different calls do: "
            "name the tensors that calls change in state()"
        )
    return "all calls of every graph have the same eager output, so a replay of old output would pass unseen"


def single_call_graphs(contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """Keys whose graph served one call only: right there, unproven elsewhere."""
    by_calls: defaultdict[bool, list[str]] = defaultdict(list)
    for contrast in contrasts:
        by_calls[contrast.calls < 2].append(contrast.key)
    return tuple(by_calls[True])
