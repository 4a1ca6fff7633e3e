"""GC405 and GC602: what a capture changes, and captures that never end."""

from collections.abc import Sequence

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import StateComparison
from imp_graphcheck.rules import RULES


def check_untouched(state: Sequence[StateComparison], *, graph: str) -> tuple[Finding, ...]:
    """A capture executes nothing: persistent tensors are the same after it as before."""
    changed = [tensor for tensor in state if tensor.bytes_different]
    if not changed:
        return ()
    names = ", ".join(tensor.name for tensor in changed[:3])
    first = changed[0]
    return (
        Finding(
            code="GC405",
            severity="error",
            confidence="confirmed",
            message=(
                f"the capture changed {len(changed)} persistent tensor{'s' if len(changed) != 1 else ''} ({names}): "
                f"{first.bytes_different} of {first.bytes_total} bytes in {first.name}, the first at byte "
                f"{first.first_difference}"
            ),
            remedy=RULES["GC405"].remedy,
            graph=graph,
        ),
    )


def check_recaptures(recaptures: int, calls: int, reasons: Sequence[str]) -> tuple[Finding, ...]:
    """Graphs that were captured again while calls were served from graphs that existed."""
    if not recaptures:
        return ()
    why = f", dropped because {' / '.join(dict.fromkeys(reasons))}" if reasons else ""
    return (
        Finding(
            code="GC602",
            severity="warning",
            confidence="confirmed",
            message=f"{recaptures} captures while {calls} calls were served{why}",
            remedy=RULES["GC602"].remedy,
        ),
    )
