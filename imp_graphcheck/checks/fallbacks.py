"""GC601: calls for which a graph was asked and that ran eagerly."""

from collections.abc import Mapping

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.rules import RULES


def check_fallbacks(fallbacks: Mapping[str, int], replays: int) -> tuple[Finding, ...]:
    """One warning per condition that closed."""
    return tuple(
        Finding(
            code="GC601",
            severity="warning",
            confidence="confirmed",
            message=f"{count} call{'s' if count != 1 else ''} ran eagerly: {condition} ({replays} replays in all)",
            remedy=RULES["GC601"].remedy,
        )
        for condition, count in fallbacks.items()
    )
