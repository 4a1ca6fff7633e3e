"""GC603: a graph that is right and not faster."""

from statistics import median

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import HostTime, Speed
from imp_graphcheck.rules import RULES

LEAST_PAIRS = 3
"""Fewer say nothing of how far pairs differ."""
_NOTHING, _SPREAD = 1.02, 1.05


def check_gain(speed: Speed | None, *, timing_caveat: str = "", fallbacks: int = 0) -> tuple[Finding, ...]:
    """A note where not one pair shows a gain, and the pairs agree well enough to say so.

    The best pair must be under two percent, and with as much on top as the pairs differ still under five: pairs that
    contradict each other prove nothing. Nor does a device whose timings need a caveat, nor an arm in which calls fell
    back to eager: these gain nothing, and GC601 says so. Where most of the time passes between the calls, the pairs
    compare something else.
    """
    if speed is None or timing_caveat or fallbacks or _mostly_between(speed.captured_host):
        return ()
    pairs = zip(speed.eager_seconds, speed.captured_seconds, strict=True)
    ratios = [eager / captured for eager, captured in pairs if captured > 0]
    if len(ratios) < LEAST_PAIRS:
        return ()
    worst, best = min(ratios), max(ratios)
    if best > _NOTHING or best + (best - worst) > _SPREAD:
        return ()
    return (
        Finding(
            code="GC603",
            severity="note",
            confidence="confirmed",
            message=(
                f"captured takes {_milliseconds(median(speed.captured_seconds))} where eager takes "
                f"{_milliseconds(median(speed.eager_seconds))}: {worst:.2f} to {best:.2f} times the speed of eager in "
                f"{len(ratios)} pairs{_where(speed.captured_host)}"
            ),
            remedy=RULES["GC603"].remedy,
        ),
    )


def _mostly_between(host: HostTime | None) -> bool:
    return host is not None and host.between > host.prepare + host.forward + host.wait


def _where(host: HostTime | None) -> str:
    """Where the host was meanwhile. What it waits for inside prepare is in there too."""
    if host is None:
        return ""
    parts = {
        "in prepare": host.prepare,
        "launching graphs": host.forward,
        "between the calls": host.between,
        "waiting for the device at the end": host.wait,
    }
    total = sum(parts.values())
    if not total:
        return ""
    shares = [
        f"{seconds / total:.0%} {place}" for place, seconds in parts.items() if seconds >= 0.005 * total
    ]
    return f"; of the captured arm the host spent {', '.join(shares)}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
