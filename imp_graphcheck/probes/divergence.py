"""The first operator at which the graph and eager part, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from imp_graphcheck.capture.distance import distance
from imp_graphcheck.checks.first_divergence import Mark, Region, differs, writers
from imp_graphcheck.device.place import Place
from imp_graphcheck.device.stack import RawStack, site_of
from imp_graphcheck.probes.op_log import Operator
from imp_graphcheck.probes.runs import LookAt, Ran

_Input = tuple[str, Place, Place]
"""Its name, and where it lies in eager and in the graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """`argument` is the first input that differs already. `stack` is the graph's, where it has such an operator."""

    number: int
    words: str
    stack: RawStack
    argument: str | None = None
    brings_nonfinite: bool = False


def of_operators(number: int, eager: Ran, graph: Ran) -> Divergence:
    """The two do not run the same operators from here on."""
    ours, theirs = _at(eager, number), _at(graph, number)
    if theirs is None:
        assert ours is not None, "one of the two goes on"
        words = f"eager goes on with {_where(ours)}, and the graph ends with operator {number}"
    elif ours is None:
        words = f"eager ends with operator {number}, and the graph goes on with {_where(theirs)}"
    else:
        words = f"operator {number + 1} of eager is {_where(ours)}; in the graph it is {_where(theirs)}"
    last = theirs or ours
    assert last is not None
    return Divergence(number=number, words=words, stack=last.launch.stack)


def of_absence(ends: Sequence[Region], before: int, graph: Ran) -> Divergence | None:
    """What lies in `ends` would have been written by an operator that is not in the graph; None where that is not so."""
    found = (place for end in ends for place in writers(graph.executed, end, before) if place in graph.absent)
    number = next(found, None)
    if number is None:
        return None
    operator = graph.operators[number]
    return Divergence(
        number=number,
        words=(
            f"operator {number + 1} of eager, {_where(operator)}, is not in the graph, and what it writes is read: it "
            "ran beside the capture"
        ),
        stack=operator.launch.stack,
    )


def of_results(number: int, eager: Ran, graph: Ran, closer: tuple[LookAt, LookAt]) -> Divergence:
    """They run the same operator, and it writes something else. `closer` is what both saw of it."""
    operator = graph.operators[number]
    different = _different_inputs(number, eager, graph, closer)
    absence = of_absence([_region(captured) for _, _, captured in different[:1]], number, graph)
    if absence is not None:
        return absence
    argument, why = _inputs(number, graph, different)
    marks = list(zip(eager.executed[number].marks, graph.executed[number].marks, strict=True))
    more = sum(_nonfinite(theirs) - _nonfinite(ours) for ours, theirs in marks)
    return Divergence(
        number=number,
        words=(
            f"{operator.launch.op}, operator {number + 1} of {len(graph.operators)}, is the first whose result differs "
            f"from eager{_by_how_much(closer)}{_nonfinite_words(more)}; {why}"
        ),
        stack=operator.launch.stack,
        argument=argument,
        brings_nonfinite=more > 0,
    )


def _different_inputs(number: int, eager: Ran, graph: Ran, closer: tuple[LookAt, LookAt]) -> list[_Input]:
    """The inputs that differ before the operator runs."""
    ours, theirs = eager.operators[number].reads, graph.operators[number].reads
    seen = zip(ours, theirs, closer[0].inputs, closer[1].inputs, strict=False)
    return [(name, a, b) for (name, a), (_, b), mine, other in seen if differs(mine, None, other)]


def _inputs(number: int, graph: Ran, different: list[_Input]) -> tuple[str | None, str]:
    """The first input that differs, and what is to be said of the inputs."""
    if not different:
        return None, "its inputs are equal, so something that is no tensor was frozen at the capture"
    name, a, b = different[0]
    more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
    return name, f"its inputs already differ: argument {name}{more}{_whose(number, graph, a, b)}"


def _whose(number: int, graph: Ran, eager: Place, captured: Place) -> str:
    if writers(graph.executed, _region(captured), number):
        return ", which a kernel that is no operator of torch has changed"
    if eager.address != captured.address:
        return f", which no operator of the graph writes: it reads {captured.address:#x}, eager reads {eager.address:#x}"
    return ", which no operator of the graph writes"


def _region(place: Place) -> Region:
    return Region(place.address, place.address + place.span_bytes)


def _by_how_much(closer: tuple[LookAt, LookAt]) -> str:
    found = distance(closer[0].written, closer[1].written)
    if found.layouts or not closer[0].written:
        return ""
    delta = "" if found.max_abs_delta is None else f"max |delta| {found.max_abs_delta:.3g}, "
    return f": {delta}{found.bit_equal:.0%} of its values equal"


def _nonfinite(mark: Mark | None) -> int:
    return 0 if mark is None else mark.nonfinite


def _nonfinite_words(more: int) -> str:
    return f", {more} of them not finite" if more > 0 else ""


def _at(ran: Ran, number: int) -> Operator | None:
    return ran.operators[number] if number < len(ran.operators) else None


def _where(operator: Operator) -> str:
    layouts = ", ".join(place.layout for place in operator.writes)
    site = site_of(operator.launch.stack)
    return f"{operator.launch.op} -> {layouts}" + ("" if site is None else f" at {site}")
