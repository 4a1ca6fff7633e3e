"""One call run eagerly, and from a graph node by node, with a fingerprint of what every operator wrote."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import torch

from imp_engine.graph import CapturedGraph
from imp_graphcheck.capture.answer import poison_captured
from imp_graphcheck.capture.captured_stages import Around
from imp_graphcheck.capture.outputs import HostOutput, tensors_of, to_host
from imp_graphcheck.capture.reading import read as read_graph
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.first_divergence import Executed, Mark, Region
from imp_graphcheck.device.place import Place, place_of
from imp_graphcheck.probes.fingerprint import fingerprint, read
from imp_graphcheck.probes.held import Held
from imp_graphcheck.probes.op_log import Operator, OpLog, Tensors
from imp_graphcheck.probes.step import watched
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.target import Call

_Prints = tuple[torch.Tensor, torch.Tensor]


@dataclass(slots=True)
class LookAt:
    """One operator to look at more closely, and what was seen: marks of its inputs, and what it wrote, on the host."""

    number: int
    inputs: list[Mark | None] = field(default_factory=list)
    written: HostOutput = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """One run. `ends` are the answer and the persistent state: what lay where when it was over.

    `absent` are the operators of the capture that no node of its graph was made by.
    """

    operators: list[Operator]
    executed: list[Executed]
    ends: list[tuple[Region, Mark | None]]
    absent: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Observed:
    """A capture with its operators, and the nodes that each of them made."""

    captured: CapturedGraph
    trace: GraphTrace
    operators: list[Operator]
    nodes: list[range]
    allocated: list[tuple[int, tuple[Place, ...]]]
    """The nodes before which memory was handed out, and where that lay."""


def run_eagerly(session: Session, call: Call, held: Held, look: LookAt | None = None) -> Ran:
    """`call`, from the state in which it finds the program. The first run fills `held`."""
    device = session.device
    prints: list[list[_Prints]] = []

    def before(number: int, tensors: Tensors, changed: Tensors) -> None:
        with device.apart():
            held.before(number, tensors, changed)
            if look is not None and look.number == number:
                look.inputs = read([fingerprint(tensor) for tensor in tensors])

    def after(number: int, written: Tensors) -> None:
        held.made(written)
        with device.apart():
            prints.append([fingerprint(tensor) for tensor in written])
            if look is not None and look.number == number:
                look.written = to_host(list(written))

    def allocated(made: Tensors) -> None:
        held.made(made)
        for tensor in made:
            tensor.zero_()

    _arrive(session, call, held)
    with OpLog(device, before=before, after=after, allocated=allocated) as log:
        output = session.program.forward(call)
    ends = _ends(session, tensors_of(output))
    device.synchronize()
    session.program.between(call)
    marks = read([each for of_one in prints for each in of_one])
    return Ran(log.operators, _executed(log.operators, _grouped(marks, prints)), ends)


@contextmanager
def observed(session: Session, first: Call, around: Around = nullcontext) -> Iterator[Observed]:
    """A capture of `first`, inside `around()`, as the graph of its key was captured. It is dropped afterwards."""
    session.restore()
    session.program.prepare(first)
    log = OpLog(session.device, in_capture=True)

    def forward() -> object:
        session.device.capture_position()
        with log:
            return session.program.forward(first)

    with around():
        captured = session.program.runner.capture_unfiled(first.key, forward)  # type: ignore[arg-type]
    session.device.synchronize()
    session.program.between(first)
    try:
        launches = [operator.launch for operator in log.operators]
        trace = read_graph(session, captured, launches)
        nodes = session.device.nodes_of(captured.graph, launches)
        starts = session.device.nodes_of(captured.graph, [made.launch for made in log.allocations])
        allocated = [(at.stop, made.writes) for at, made in zip(starts, log.allocations, strict=True)]
        yield Observed(captured, trace, log.operators, nodes, allocated)
    finally:
        captured.graph.reset()


def run_stepped(session: Session, call: Call, held: Held, graph: Observed, look: LookAt | None = None) -> Ran:
    """`call` through that graph, from the state in which an eager run finds the program.

    Raises StepError and StepRefusedError.
    """
    device = session.device
    marks: dict[int, list[Mark | None]] = {}
    first = {nodes.start: number for number, nodes in enumerate(graph.nodes) if nodes}
    last = {nodes.stop - 1: number for number, nodes in enumerate(graph.nodes) if nodes}
    handed_out: dict[int, list[Place]] = {}
    for node, places in graph.allocated:
        handed_out.setdefault(node, []).extend(places)

    def before(node: int) -> None:
        with device.apart():
            for place in handed_out.get(node, ()):
                device.tensor_at(place).zero_()
            if look is not None and first.get(node) == look.number:
                places = [place for _, place in graph.operators[look.number].reads]
                look.inputs = read([fingerprint(device.tensor_at(place)) for place in places])
        device.synchronize()
        launching(node)

    def after(node: int) -> None:
        number = last.get(node)
        if number is None:
            return
        with device.apart():
            written = [device.tensor_at(place) for place in graph.operators[number].writes]
            # Read at once: a graph that writes where it must not could write over what is kept on the device.
            marks[number] = read([fingerprint(tensor) for tensor in written])
            if look is not None and look.number == number:
                look.written = to_host(written)

    _arrive(session, call, held)
    poison_captured(session, graph.captured)
    with watched(session, str(call.key)) as launching:
        device.step(graph.captured.graph, after, before=before)
    ends = _ends(session, tensors_of(graph.captured.output))
    device.synchronize()
    session.program.between(call)
    in_order = [marks.get(number, []) for number in range(len(graph.operators))]
    absent = frozenset(number for number, nodes in enumerate(graph.nodes) if not nodes)
    return Ran(graph.operators, _executed(graph.operators, in_order), ends, absent)


def _arrive(session: Session, call: Call, held: Held) -> None:
    """The program as `call` finds it when all before it ran eagerly."""
    program = session.program
    session.restore()
    for earlier in session.calls[: call.index]:
        if earlier.request == call.request or not program.independent_requests:
            program.prepare(earlier)
            program.forward(earlier)
            session.device.synchronize()
            program.between(earlier)
    program.prepare(call)
    held.put_back()
    session.device.synchronize()


def _ends(session: Session, output: Sequence[torch.Tensor]) -> list[tuple[Region, Mark | None]]:
    tensors = [
        tensor
        for tensor in (*output, *session.program.state().values())
        if tensor.device.type == session.device.kind and tensor.numel()
    ]
    with session.device.apart():
        marks = read([fingerprint(tensor) for tensor in tensors])
    return [(_region(place_of(tensor)), mark) for tensor, mark in zip(tensors, marks, strict=True)]


def _grouped(marks: Sequence[Mark | None], prints: Sequence[list[_Prints]]) -> list[list[Mark | None]]:
    rest = iter(marks)
    return [[next(rest) for _ in of_one] for of_one in prints]


def _executed(operators: Sequence[Operator], marks: Sequence[list[Mark | None]]) -> list[Executed]:
    """`marks` has one list for each operator, empty where it was not looked at."""
    return [
        Executed(
            op=operator.launch.op,
            layouts=tuple(place.layout for place in operator.writes),
            reads=tuple(_region(place) for _, place in operator.reads),
            writes=tuple(_region(place) for place in operator.writes),
            marks=tuple(of_one) or (None,) * len(operator.writes),
        )
        for operator, of_one in zip(operators, marks, strict=True)
    ]


def _region(place: Place) -> Region:
    return Region(place.address, place.address + place.span_bytes)
