"""The operator that a wrong graph goes wrong at, and nothing where none does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imp_graphcheck.capture.reading import trace_of
from imp_graphcheck.faults import ENGINE_FAULTS
from imp_graphcheck.faults.pairs import PAIRS, marked_lines
from imp_graphcheck.faults.programs import captures, drift
from imp_graphcheck.probes.lockstep import InStep, _is_filed, lockstep
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import Node
from imp_graphcheck.record.run import Run

from .conftest import Ready

MakeReady = Callable[..., Ready]
Check = Callable[..., Run]
PROGRAMS = "imp_graphcheck.faults.programs"
PLAIN = [pair for pair in PAIRS if not pair.cuda_only]
MARKS = {**marked_lines(drift), **marked_lines(captures)}


def in_step(ready: Ready, most: int | None = None) -> list[InStep]:
    """Every call that has a graph, or the first so many of them."""
    session = ready.session
    captured = session.program.runner.captured
    calls = [call for call in session.calls if call.key in captured]
    return [lockstep(session, call) for call in calls[:most]]


def line(finding: Finding) -> tuple[str, int]:
    assert finding.launch_site is not None
    return Path(finding.launch_site.file).name, finding.launch_site.line


@dataclass(frozen=True)
class Named:
    """What must be said: the line, the node, and words of the message."""

    mark: str
    node: int | None
    words: tuple[str, ...]
    argument: str | None = None


EXPECTED = {
    "drift:FrozenScalar": Named(
        "scalar", 0, ("aten.mul.Tensor", "operator 1 of 1", "inputs are equal", "max |delta| 1")
    ),
    "drift:FrozenBias": Named("bias", 1, ("aten.add.Tensor", "operator 2 of 3", "inputs are equal")),
    "drift:FrozenPointer": Named("pointer", 0, ("argument other", "it reads 0x", "eager reads 0x"), "other"),
    "drift:FrozenBranch": Named(
        "branch", 0, ("of eager is aten.exp.default", "in the graph it is aten.mul.Tensor")
    ),
    "drift:FrozenGeometry": Named("geometry", 0, ("float32[8192, 8]", "in the graph", "float32[4096, 8]")),
    "drift:FrozenCopy": Named("copy", 0, ("aten.copy_.default -> float32[16]", "float32[8]")),
    "captures:EscapingStream": Named("escape", None, ("aten.copy_.default", "is not in the graph")),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_operator_is_named_at_its_line(ready: MakeReady, name: str) -> None:
    expected = EXPECTED[name]
    found = in_step(ready(f"{PROGRAMS}.{name}"))
    assert found[0].finding is None, "the call that was captured is right"
    finding = next(each.finding for each in found if each.finding is not None)
    assert finding.code == "GC502"
    assert line(finding) == MARKS[expected.mark]
    assert (finding.node, finding.argument) == (expected.node, expected.argument)
    assert all(word in finding.message for word in expected.words), finding.message


@pytest.mark.parametrize("pair", PLAIN, ids=[pair.twin for pair in PLAIN])
def test_silent_on_every_twin(ready: MakeReady, pair: Any) -> None:
    found = in_step(ready(pair.twin_model))
    assert [(each.finding, each.result.outcome) for each in found] == [(None, "right")] * len(found)


@pytest.mark.parametrize("model", ["qwen3-tiny", "qwen3-moe-tiny"])
def test_silent_on_the_engine(ready: MakeReady, model: str) -> None:
    found = in_step(ready(model), most=3)
    assert len(found) == 3
    assert {(each.finding, each.result.outcome) for each in found} == {(None, "right")}


BAKED = {
    "baked-q-offset": ("baked_q_offset.py", "aten.add.Tensor"),
    "baked-context-length": ("paged_attention.py", "aten.arange.default"),
    "baked-split-count": ("baked_split_count.py", "aten.stack.default"),
    "baked-kernel-choice": ("baked_kernel_choice.py", "aten.clamp.default"),
    "baked-table-copy": ("baked_table_copy.py", "aten.copy_.default"),
}


@pytest.mark.parametrize("fault", [name for name in ENGINE_FAULTS if name.startswith("baked-")])
def test_what_the_engine_froze(check: Check, fault: str) -> None:
    run = check("qwen3-tiny", fault=fault, reps=0, lockstep=True)
    (finding,) = [finding for finding in run.findings if finding.code == "GC502"]
    file, op = BAKED[fault]
    assert line(finding)[0] == file
    assert op in finding.message
    marked = marked_lines(__import__(type(ENGINE_FAULTS[fault]).__module__, fromlist=["_"]))
    if "launch" in marked:
        assert line(finding) == marked["launch"]
    (graph,) = [graph for graph in run.graphs if graph.key == finding.graph]
    assert finding.node is not None
    assert graph.nodes[finding.node].name == finding.kernel
    (stage,) = [stage for stage in run.stages if stage.name == "lockstep"]
    assert stage.status == "ok"
    assert [probe.outcome for probe in run.probes if probe.probe == "lockstep"] == ["wrong"]


def test_a_graph_whose_memory_is_wrong_answers_rightly_when_captured_anew(check: Check) -> None:
    run = check("qwen3-tiny", fault="skipped-first-replay", reps=0, lockstep=True)
    assert "GC502" not in {finding.code for finding in run.findings}
    (stage,) = [stage for stage in run.stages if stage.name == "lockstep"]
    assert "a graph that is captured now answers as eager does" in stage.detail


def test_no_stage_where_nothing_is_wrong(check: Check) -> None:
    run = check(f"{PROGRAMS}.drift:DeviceScalar", lockstep=True)
    assert "lockstep" not in [stage.name for stage in run.stages]
    assert "lockstep" not in [probe.probe for probe in run.probes]


OURS = Path(__file__).parent / "lockstep_programs.py"


@pytest.fixture
def ours(ready: MakeReady) -> MakeReady:
    return lambda name: ready(f"{OURS}:{name}")


def findings(found: list[InStep]) -> list[str]:
    return [each.finding.message for each in found if each.finding is not None]


def test_memory_left_to_chance_is_nobodys_difference(ours: MakeReady) -> None:
    messages = findings(in_step(ours("ChanceAside")))
    assert len(messages) == 2
    assert all("aten.mul.Tensor, operator 4 of 4" in message for message in messages), messages


def test_what_is_stored_aside_is_not_blamed(ours: MakeReady) -> None:
    messages = findings(in_step(ours("StoresAside")))
    assert len(messages) == 2
    assert all("aten.clamp.default, operator 3 of 3" in message for message in messages), messages


def test_wrong_state_behind_a_right_answer(check: Check) -> None:
    run = check(f"{OURS}:WrongState", lockstep=True)
    (finding,) = [finding for finding in run.findings if finding.code == "GC502"]
    assert "aten.add_.Tensor" in finding.message
    assert "GC504" in {finding.code for finding in run.findings}


def test_what_the_call_changes_outside_of_its_state_is_the_same_for_all(ours: MakeReady) -> None:
    assert findings(in_step(ours("Outside"))) == []
    messages = findings(in_step(ours("OutsideFrozen")))
    assert len(messages) == 2
    assert all("aten.mul.Tensor, operator 3 of 3" in message for message in messages), messages


def test_the_first_that_is_not_finite(check: Check) -> None:
    run = check(f"{OURS}:Divides", lockstep=True)
    (finding,) = [finding for finding in run.findings if finding.code == "GC503" and finding.node is not None]
    assert "aten.div.Tensor" in finding.message
    assert "32 of them not finite" in finding.message
    assert "GC502" not in {finding.code for finding in run.findings}


def test_a_program_that_will_not_is_told_of(ours: MakeReady) -> None:
    made = ours("Raises")
    made.session.program._target.left = 0  # type: ignore[attr-defined]
    found = lockstep(made.session, made.session.calls[1])
    assert (found.result.outcome, found.result.detail) == ("refused", "no more tickets")
    assert not made.session.dead


def test_eager_that_changes_its_operators_is_no_measure(ours: MakeReady) -> None:
    made = ours("Fickle")
    found = lockstep(made.session, made.session.calls[0])
    assert (found.result.outcome, found.finding) == ("refused", None)
    assert "other operators the second time" in found.result.detail


def test_a_node_is_told_only_if_the_replayed_graph_has_it(ready: MakeReady) -> None:
    made = ready(f"{PROGRAMS}.drift:FrozenBias")
    call = made.session.calls[1]
    node = trace_of(made.session, call.key).nodes[1]
    assert _is_filed(made.session, call, node)
    assert not _is_filed(made.session, call, Node(index=0, kind=node.kind, name=node.name))
    assert not _is_filed(made.session, call, Node(index=99, kind=node.kind, name=node.name))


def test_the_program_is_left_as_it_was(ours: MakeReady) -> None:
    made = ours("WrongState")
    lockstep(made.session, made.session.calls[2])
    made.session.restore()
    assert all(not each.bytes_different for each in made.session.compare_state(made.session.start, sweep=0))
