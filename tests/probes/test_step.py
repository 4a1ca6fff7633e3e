"""A graph node by node: the node that faults has the index that the device's own error has."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.checks.failures import Failure, check_replay_failure
from imp_graphcheck.device.sim import current_gpu
from imp_graphcheck.faults import ENGINE_FAULTS
from imp_graphcheck.faults.pairs import PAIRS
from imp_graphcheck.probes.position import FILE_NAME, Position, read_position
from imp_graphcheck.probes.step import Stepped, step
from imp_graphcheck.record.site import Site

from .conftest import Ready

MakeReady = Callable[..., Ready]
MODELS = {
    **{f"{pair.module}:{pair.fault}": (pair.fault_model, None) for pair in PAIRS if not pair.cuda_only},
    **{f"{pair.module}:{pair.twin}": (pair.twin_model, None) for pair in PAIRS if not pair.cuda_only},
    **{name: ("qwen3-tiny", name) for name in ENGINE_FAULTS},
    "engine": ("qwen3-tiny", None),
}
DEADLY = ("per-call-scratch", "lifetimes:UnmappedInput")


def replayed(ready: Ready) -> Failure | None:
    """The device's own error, when the graphs are replayed as a whole."""
    program = ready.session.program
    for call in ready.prepared_calls():
        try:
            program.prepare(call)
            if call.key in program.runner.captured:
                program.runner.replay(call.key)
            ready.session.device.synchronize()
            program.between(call)
        except Exception as error:  # noqa: BLE001 - whatever comes is the answer
            return ready.session.failure(error, call.key)
    return None


def told(failure: Failure) -> dict[str, str]:
    """All that a reader is told, but for the address, which is another in another session."""
    wanted = ("number", "graph", "node", "kernel", "argument", "allocation_site", "free_site", "launch_site")
    return {name: str(getattr(failure, name)) for name in wanted}


def stepped(ready: Ready) -> list[Stepped]:
    """Every call of the workload, up to the first that the device does not survive."""
    program, found = ready.session.program, []
    for call in ready.prepared_calls():
        program.prepare(call)
        if call.key in program.runner.captured:
            found.append(step(ready.session, ready.answers, call))
            if ready.session.dead:
                break
        program.between(call)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_the_same_node_as_the_device_says(ready: MakeReady, name: str) -> None:
    model, fault = MODELS[name]
    expected = replayed(ready(model, fault=fault))
    assert (expected is not None) == (name in DEADLY)
    found = stepped(ready(model, fault=fault))
    failures = [each.failure for each in found if each.failure is not None]
    if expected is None:
        assert failures == []
        return
    (failure,) = failures
    assert expected.node is not None
    assert told(failure) == told(expected)
    assert found[-1].result.outcome == "died"
    assert check_replay_failure(failure).code == "GC202"


@pytest.mark.parametrize("name", ["engine", "drift:DeviceScalar", "captures:ForkedStream"])
def test_a_clean_program_answers_rightly(ready: MakeReady, name: str) -> None:
    found = stepped(ready(*MODELS[name][:1]))
    assert found
    assert {each.result.outcome for each in found} == {"right"}
    assert all(each.result.calls == 1 and each.result.wrong_calls == 0 for each in found)


def test_a_frozen_value_answers_wrongly(ready: MakeReady) -> None:
    outcomes = [each.result for each in stepped(ready(MODELS["drift:FrozenScalar"][0]))]
    assert [each.outcome for each in outcomes] == ["right", "wrong", "wrong"]
    assert [each.max_abs_delta for each in outcomes] == [None, 1.0, 2.0]


def test_each_node_is_announced_launched_and_complete_in_the_order_of_the_record(ready: MakeReady) -> None:
    made = ready("qwen3-tiny")
    call = made.session.calls[0]
    made.session.program.prepare(call)
    graph = made.session.program.runner.captured[call.key].graph
    heard: list[tuple[str, int]] = []
    made.session.device.step(
        graph,
        lambda node: heard.append(("complete", node)),
        before=lambda node: heard.append(("before", node)),
    )
    (trace,) = [each for each in made.session.recorder.run.graphs if each.key == str(call.key)]
    assert heard == [(what, node.index) for node in trace.nodes for what in ("before", "complete")]


def test_an_error_from_before_is_not_the_first_nodes(ready: MakeReady) -> None:
    made = ready("qwen3-tiny", fault="per-call-scratch")
    assert replayed(made) is not None
    announced: list[int] = []
    captured = next(iter(made.session.program.runner.captured.values()))
    with pytest.raises(RuntimeError) as caught:
        made.session.device.step(captured.graph, before=announced.append)
    assert announced == []
    assert "node" not in str(caught.value)


def test_without_a_graph_nothing_is_tried(ready: MakeReady) -> None:
    made = ready(MODELS["captures:ReadsBack"][0])
    call = made.session.calls[0]
    made.session.program.prepare(call)
    result = step(made.session, made.answers, call).result
    assert (result.outcome, result.calls) == ("not tried", 0)


def test_the_position_is_on_disk_while_a_node_runs_and_gone_afterwards(
    ready: MakeReady, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ready(MODELS["drift:DeviceScalar"][0])
    directory = made.session.recorder.directory
    assert directory is not None
    seen: list[Position | None] = []
    enqueue = current_gpu().launch_node

    def launch_node(*arguments: object) -> None:
        seen.append(read_position(directory))
        enqueue(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(current_gpu(), "launch_node", launch_node)
    call = made.session.calls[0]
    made.session.program.prepare(call)
    step(made.session, made.answers, call)
    assert seen == [Position(str(call.key), 0)]
    assert not (directory / FILE_NAME).exists()
    assert read_position(directory) is None


def test_lines_are_the_programs(ready: MakeReady) -> None:
    (failure,) = [
        each.failure for each in stepped(ready("qwen3-tiny", fault="per-call-scratch")) if each.failure
    ]
    files = {
        Path(site.file).name
        for site in (failure.allocation_site, failure.free_site, failure.launch_site)
        if isinstance(site, Site)
    }
    assert files == {"per_call_scratch.py"}
