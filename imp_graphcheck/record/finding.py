"""What was found: one cause, with the evidence that a reader needs to act on it."""

from typing import Literal

import msgspec

from imp_graphcheck.record.site import Site

Severity = Literal["note", "warning", "error"]
Confidence = Literal["suspected", "confirmed"]

SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of the report.

    `code` is a rule of the catalogue and never changes its meaning. `message` is one sentence that names what
    happened and the offending value; `remedy` says what to change. `consequences` are later errors that
    follow from this one and are not findings of their own.
    """

    code: str
    severity: Severity
    confidence: Confidence
    message: str
    remedy: str = ""
    graph: str | None = None
    node: int | None = None
    kernel: str | None = None
    argument: str | None = None
    allocation_site: Site | None = None
    free_site: Site | None = None
    launch_site: Site | None = None
    consequences: tuple[str, ...] = ()


def at_least(severity: Severity, level: Severity) -> bool:
    """Whether `severity` is `level` or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(level)
