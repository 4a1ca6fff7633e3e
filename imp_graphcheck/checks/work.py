"""GC404: work of the eager call that the graph does not hold, and so never happens at a replay."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operator call on the device. `escaped`: it ran beside the capture that was going on."""

    op: str
    site: Site | None
    escaped: bool = False


def check_work(
    eager: Sequence[Operation], captured: Sequence[Operation], *, graph: str
) -> tuple[Finding, ...]:
    """One finding per line whose operators ran eagerly only, and one per function whose operators ran at capture time only:
    what is launched on one stream escapes together.
    """
    escaped = [operation for operation in captured if operation.escaped]
    findings = [
        _finding(
            graph, operations[0].site, operations, "ran at capture time, on a stream that was not capturing"
        )
        for operations in _by_function(escaped).values()
    ]
    missing = Counter(map(_signature, eager)) - Counter(map(_signature, captured))
    findings.extend(
        _finding(graph, site, operations, "runs eagerly, and the capture did not come by")
        for site, operations in _by_site(_taken(eager, missing)).items()
    )
    return tuple(findings)


def _signature(operation: Operation) -> tuple[str, str, int]:
    site = operation.site
    return (operation.op, "" if site is None else site.file, 0 if site is None else site.line)


def _taken(operations: Sequence[Operation], missing: "Counter[tuple[str, str, int]]") -> list[Operation]:
    left = Counter(missing)
    found = []
    for operation in operations:
        if left[_signature(operation)] > 0:
            left[_signature(operation)] -= 1
            found.append(operation)
    return found


def _by_site(operations: Sequence[Operation]) -> dict[Site | None, list[Operation]]:
    grouped: dict[Site | None, list[Operation]] = {}
    for operation in operations:
        grouped.setdefault(operation.site, []).append(operation)
    return grouped


def _by_function(operations: Sequence[Operation]) -> dict[tuple[str, str] | None, list[Operation]]:
    grouped: dict[tuple[str, str] | None, list[Operation]] = {}
    for operation in operations:
        site = operation.site
        grouped.setdefault(None if site is None else (site.file, site.function), []).append(operation)
    return grouped


def _finding(graph: str, site: Site | None, operations: list[Operation], how: str) -> Finding:
    names = ", ".join(dict.fromkeys(operation.op for operation in operations))
    count = len(operations)
    lines = {operation.site.line: operation for operation in operations if operation.site is not None}
    others = tuple(
        f"so does {operation.op}, launched at {operation.site}"
        for line, operation in lines.items()
        if site is None or line != site.line
    )
    return Finding(
        code="GC404",
        severity="error",
        confidence="suspected",
        message=f"{count} operator call{'s' if count != 1 else ''} ({names}) {how}: no replay repeats it",
        remedy=RULES["GC404"].remedy,
        graph=graph,
        launch_site=site,
        consequences=others[:4],
    )
