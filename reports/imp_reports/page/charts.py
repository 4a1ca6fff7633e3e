"""Two pictures of figures: how far each call lies from eager, and the paired timings. Both as SVG paths in a box 100 high."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from imp_graphcheck.record.run import CallComparison, Run, Speed
from imp_reports.fold import AGREEING
from imp_reports.text import seconds

TOP, BOTTOM, ZERO, NO_NUMBER = 14.0, 84.0, 95.0, 5.0
"""Where the scale begins and ends; below it the lane for an exact zero, above it the one for what has no number."""

KINDS = {
    "identical": "identical",
    "noise": "within the noise floor",
    "aside": "ran eagerly, from no graph",
    "diverged": "diverged, or not written",
    "nonfinite": "not finite",
}
"""What the colour of a call means."""

_MAX_TICKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line across the picture."""

    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceChart:
    """Dots per kind of agreement, and the noise floor under them."""

    columns: int
    dots: dict[str, str]
    floor: str
    ticks: tuple[Tick, ...]
    passes: tuple[int, ...]
    has_zero: bool
    has_no_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingChart:
    """One column per pair."""

    columns: int
    eager: str
    captured: str
    links: str
    ticks: tuple[Tick, ...]


def distance_chart(run: Run) -> DistanceChart | None:
    """Largest absolute difference of each compared call, on a logarithmic scale."""
    if not run.calls:
        return None
    positive = [
        value
        for call in run.calls
        for value in (call.max_abs_delta, call.noise_max_abs_delta)
        if value is not None and math.isfinite(value) and value > 0
    ]
    low, high = _decades(positive)
    dots: defaultdict[str, list[str]] = defaultdict(list)
    for column, call in enumerate(run.calls):
        dots[kind_of(call)].append(f"M{column} {_height(call, low, high):.4g}h0")
    return DistanceChart(
        columns=len(run.calls),
        dots={kind: "".join(paths) for kind, paths in dots.items()},
        floor=_floor(run.calls, low, high),
        ticks=_ticks(low, high) if positive else (),
        passes=tuple(
            column
            for column in range(1, len(run.calls))
            if run.calls[column].sweep != run.calls[column - 1].sweep
        ),
        has_zero=any(call.max_abs_delta == 0 for call in run.calls),
        has_no_number=any(_has_no_number(call) for call in run.calls),
    )


def kind_of(call: CallComparison) -> str:
    """Which colour a call has. One that ran eagerly in both arms agrees with itself, which is no good news."""
    if call.output_written is False:
        return "diverged"
    return "aside" if call.path == "eager" and call.agreement in AGREEING else call.agreement


def timing_chart(speed: Speed | None) -> TimingChart | None:
    """Both arms of every pair, from zero."""
    if speed is None or not speed.eager_seconds or not speed.captured_seconds:
        return None
    pairs = tuple(
        pair
        for pair in zip(speed.eager_seconds, speed.captured_seconds, strict=False)
        if all(map(math.isfinite, pair))
    )
    if not pairs:
        return None
    top = max(max(pair) for pair in pairs) or 1.0

    def y(value: float) -> float:
        return 96 - 90 * (value / top)

    return TimingChart(
        columns=len(pairs),
        eager="".join(f"M{n} {y(eager):.4g}h0" for n, (eager, _) in enumerate(pairs)),
        captured="".join(f"M{n} {y(captured):.4g}h0" for n, (_, captured) in enumerate(pairs)),
        links="".join(f"M{n} {y(eager):.4g}V{y(captured):.4g}" for n, (eager, captured) in enumerate(pairs)),
        ticks=tuple(
            Tick(y=y(top * part), label=seconds(top * part) if part else "0") for part in (0, 0.5, 1)
        ),
    )


def _decades(positive: Sequence[float]) -> tuple[int, int]:
    """Powers of ten that hold all values."""
    if not positive:
        return 0, 1
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    return low, max(high, low + 1)


def _height(call: CallComparison, low: int, high: int) -> float:
    if _has_no_number(call):
        return NO_NUMBER
    return _y(call.max_abs_delta, low, high)


def _has_no_number(call: CallComparison) -> bool:
    return not _measured(call.max_abs_delta) or call.agreement == "nonfinite"


def _measured(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _y(value: float | None, low: int, high: int) -> float:
    if not value or not math.isfinite(value):
        return ZERO
    return _at(math.log10(value), low, high)


def _at(power: float, low: int, high: int) -> float:
    return BOTTOM - (BOTTOM - TOP) * (power - low) / (high - low)


def _floor(calls: Sequence[CallComparison], low: int, high: int) -> str:
    """A step per call, closed along the bottom."""
    steps = [f"V{_y(call.noise_max_abs_delta, low, high):.4g}h1" for call in calls]
    return f"M-.5 100{''.join(steps)}V100z"


def _ticks(low: int, high: int) -> tuple[Tick, ...]:
    every = -(-(high - low) // (_MAX_TICKS - 1))
    return tuple(
        Tick(y=round(_at(power, low, high), 2), label=f"1e{power}") for power in range(low, high + 1, every)
    )
