"""What a capture records, what it refuses, and with which error.

The tables are what the CUDA 13 runtime answered on an H100 for the same calls.
"""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.sim.device import SimDevice

D = "sim"
MIB = 1 << 20


class Scene:
    """A stream that captures, another that does not, and events of both."""

    def __init__(self, gpu: sim.Gpu, module: Any, mode: str) -> None:
        self.gpu, self.module = gpu, module
        self.x = torch.ones(4, device=D)
        self.capturing, self.other = module.Stream(), module.Stream()
        self.outside, self.never, self.inside = module.Event(), module.Event(), module.Event()
        self.outside.record(self.other)
        self.ready = module.CUDAGraph()
        with module.graph(self.ready):
            self.x * 2
        self.unfinished = module.CUDAGraph(keep_graph=True)
        with module.graph(self.unfinished):
            self.x * 2
        self.graph = module.CUDAGraph()
        with module.stream(self.capturing):
            self.graph.capture_begin(capture_error_mode=mode)
            self.x.add_(1)
        self.inside.record(self.capturing)

    def work(self) -> int:
        """The error of a kernel on the capturing stream."""
        with self.module.stream(self.capturing):
            return number_of(lambda: self.x.add_(1))

    def end(self) -> int:
        """The error of the end of the capture."""
        with self.module.stream(self.capturing):
            return number_of(self.graph.capture_end)

    def replay(self, graph: Any, stream: Any) -> None:
        with self.module.stream(stream):
            graph.replay()

    def allocate_on(self, stream: Any) -> None:
        with self.module.stream(stream):
            torch.empty(64 * MIB, dtype=torch.uint8, device=D)


def number_of(call: Callable[[], object]) -> int:
    """The runtime's number of the error that `call` raises; 0 for none."""
    try:
        call()
    except torch.AcceleratorError as error:
        return error.error_code  # type: ignore[attr-defined, no-any-return]
    return 0


def in_thread(call: Callable[[], int]) -> int:
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


ALWAYS = (900, 900, 900, 900, 900, 900)
UNSAFE = (900, 900, 900, 0, 0, 0)
NEVER = (0, 0, 0, 0, 0, 0)

CALLS: dict[str, tuple[Callable[[Scene], object], tuple[int, ...]]] = {
    "query an event of another stream": (lambda s: s.outside.query(), UNSAFE),
    "query an event never recorded": (lambda s: s.never.query(), UNSAFE),
    "query a captured event": (lambda s: s.inside.query(), (907,) * 6),
    "wait for an event of another stream": (lambda s: s.outside.synchronize(), UNSAFE),
    "wait for a captured event": (lambda s: s.inside.synchronize(), (907,) * 6),
    "query the capturing stream": (lambda s: s.capturing.query(), ALWAYS),
    "query another stream": (lambda s: s.other.query(), UNSAFE),
    "wait for the capturing stream": (lambda s: s.capturing.synchronize(), ALWAYS),
    "wait for another stream": (lambda s: s.other.synchronize(), UNSAFE),
    "wait for the device": (lambda s: s.module.synchronize(), ALWAYS),
    "map memory for another stream": (lambda s: s.allocate_on(s.other), UNSAFE),
    "map memory for the capturing stream": (lambda s: s.allocate_on(s.capturing), NEVER),
    "pin memory": (lambda s: torch.empty(MIB, pin_memory=True), NEVER),
    "empty the cache": (lambda s: s.module.empty_cache(), NEVER),
    "make a stream and an event": (lambda s: (s.module.Stream(), s.module.Event()), NEVER),
    "record an event on another stream": (lambda s: s.outside.record(s.other), NEVER),
    "launch on another stream": (lambda s: s.replay(s.ready, s.other), NEVER),
    "launch a graph into the capture": (lambda s: s.replay(s.ready, s.capturing), ALWAYS),
    "instantiate a graph": (lambda s: s.unfinished.instantiate(), UNSAFE),
    "fork": (lambda s: s.other.wait_event(s.inside), NEVER),
    "fork the default stream": (lambda s: s.module.default_stream().wait_event(s.inside), (906,) * 6),
    "make the capture wait for the outside": (lambda s: s.capturing.wait_event(s.outside), (905,) * 6),
    "make the capture wait for nothing": (lambda s: s.capturing.wait_event(s.never), NEVER),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_allowed(call: str, gpu: sim.Gpu, module: Any) -> None:
    made, expected = CALLS[call]
    seen = []
    for mode in ("global", "thread_local", "relaxed"):
        for where in (lambda call: call(), in_thread):
            scene = Scene(gpu, module, mode)
            number = where(lambda: number_of(lambda: made(scene)))  # noqa: B023 - called at once
            seen.append(number)
            after = (901, 901) if number else (0, 0)
            assert (scene.work(), scene.end()) == after, (mode, "a refused call invalidates the capture")
    # own thread and other thread, for each mode
    assert tuple(seen) == expected


def test_after_a_refused_call_waits_are_still_refused_and_captured_events_useless(
    gpu: sim.Gpu, module: Any
) -> None:
    scene = Scene(gpu, module, "global")
    calls = [
        module.synchronize,
        module.synchronize,
        scene.capturing.synchronize,
        lambda: scene.never.record(scene.capturing),
        lambda: scene.allocate_on(scene.other),
        scene.outside.query,
        scene.inside.query,
        lambda: scene.other.wait_event(scene.inside),
    ]
    assert [number_of(call) for call in calls] == [900, 900, 900, 901, 900, 900, 1, 1]
    assert scene.end() == 901


def test_events_of_a_finished_capture_are_useless_until_recorded_again(gpu: sim.Gpu, module: Any) -> None:
    scene = Scene(gpu, module, "global")
    assert scene.end() == 0
    waits = [scene.inside.query, scene.inside.synchronize, lambda: scene.other.wait_event(scene.inside)]
    assert [number_of(call) for call in waits] == [1, 1, 1]
    scene.inside.record(scene.other)
    assert scene.inside.query()


def test_beginning_twice(gpu: sim.Gpu, module: Any) -> None:
    scene = Scene(gpu, module, "global")
    stream = scene.capturing.stream_id
    again = {"mode": "global", "pool": (0, 99), "generators": frozenset()}
    assert number_of(lambda: gpu.begin_capture(stream=stream, **again)) == 401  # type: ignore[arg-type]
    with module.stream(scene.capturing), pytest.raises(RuntimeError, match="Cannot register the state"):
        module.CUDAGraph().capture_begin()
    assert scene.end() == 0


def test_ending_elsewhere(gpu: sim.Gpu, module: Any) -> None:
    scene = Scene(gpu, module, "global")
    assert number_of(lambda: gpu.end_capture(scene.other.stream_id)) == 401, "not in any capture"
    scene.other.wait_event(scene.inside)
    assert number_of(lambda: gpu.end_capture(scene.other.stream_id)) == 903, "in one, but not its origin"
    assert scene.end() == 901
    assert number_of(lambda: gpu.end_capture(scene.capturing.stream_id)) == 401, "it is over"


@pytest.mark.parametrize(("mode", "number"), [("global", 908), ("thread_local", 908), ("relaxed", 0)])
def test_ending_in_another_thread(gpu: sim.Gpu, module: Any, mode: str, number: int) -> None:
    scene = Scene(gpu, module, mode)
    stream = scene.capturing.stream_id
    assert in_thread(lambda: number_of(lambda: gpu.end_capture(stream))) == number
    assert not gpu.captures


def test_joining_two_captures(gpu: sim.Gpu, module: Any) -> None:
    first = Scene(gpu, module, "relaxed")
    stream, event = module.Stream(), module.Event()
    gpu.begin_capture(stream=stream.stream_id, mode="relaxed", pool=gpu.new_pool(), generators=frozenset())
    event.record(stream)
    assert number_of(lambda: first.capturing.wait_event(event)) == 902
    assert (first.end(), number_of(lambda: gpu.end_capture(stream.stream_id))) == (901, 901)


def test_work_from_another_thread_is_recorded_too(gpu: sim.Gpu, module: Any) -> None:
    scene = Scene(gpu, module, "thread_local")
    assert in_thread(scene.work) == 0
    assert scene.end() == 0
    assert len(scene.graph.nodes) == 2


class TestForks:
    """Streams that join a capture, and must be joined back."""

    def fork(self, module: Any, body: Callable[[Any, Any], None]) -> tuple[Any, int]:
        graph, side, x = module.CUDAGraph(), module.Stream(), torch.ones(4, device=D)

        def record() -> None:
            with module.graph(graph):
                x.add_(1)
                side.wait_stream(module.current_stream())
                body(side, x)

        return graph, number_of(record)

    def test_a_fork_without_work_needs_no_join(self, module: Any) -> None:
        graph, number = self.fork(module, lambda side, x: None)
        assert (len(graph.nodes), number) == (1, 0)

    def test_work_after_the_join_is_unjoined(self, module: Any) -> None:
        def body(side: Any, x: torch.Tensor) -> None:
            with module.stream(side):
                x.add_(1)
            module.current_stream().wait_stream(side)
            with module.stream(side):
                x.add_(1)

        assert self.fork(module, body)[1] == 904

    def test_the_edges_are_those_of_the_streams(self, module: Any) -> None:
        def body(side: Any, x: torch.Tensor) -> None:
            with module.stream(side):
                x.add_(2)
            x.add_(3)
            module.current_stream().wait_stream(side)
            x.add_(4)

        graph, number = self.fork(module, body)
        assert ([node.dependencies for node in graph.nodes], number) == ([(), (0,), (0,), (1, 2)], 0)

    def test_a_forked_stream_may_not_be_asked(self, module: Any) -> None:
        assert self.fork(module, lambda side, x: side.query())[1] == 901


def test_a_capture_runs_nothing_and_a_replay_everything(module: Any) -> None:
    x, host = torch.zeros(4, device=D), torch.ones(4).pin_memory()
    graph = module.CUDAGraph()
    with module.graph(graph):
        x.copy_(host, non_blocking=True)
        x.add_(1)
        y = x * 10
        x.zero_()
        z = x.clone()
    assert x.tolist() == [0.0] * 4
    assert [node.work.name for node in graph.nodes] == [
        "memcpy h2d", "aten.add.out", "aten.mul.out", "memset", "memcpy d2d",
    ]  # fmt: skip
    graph.replay()
    assert (x.tolist(), y.tolist(), z.tolist()) == ([0.0] * 4, [20.0] * 4, [0.0] * 4)


def test_an_unsafe_call_of_the_program_itself_hides_the_rest(module: Any) -> None:
    x = torch.ones(4, device=D)
    graph = module.CUDAGraph()
    with pytest.raises(RuntimeError, match="previous error") as caught, module.graph(graph):
        x.sum().item()
    described = SimDevice().explain(caught.value)
    assert described is not None
    assert (described.number, described.during_capture, described.sticky) == (900, True, False)
    x.add_(1)
    assert x.tolist() == [2.0] * 4, "the device lives on"
    with module.graph(module.CUDAGraph()):
        x.add_(1)


SYNCS: dict[str, Callable[[torch.Tensor], object]] = {
    "bool": lambda x: bool(x[0] > 0),
    "int": lambda x: int(x[0]),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "assignment through a mask": lambda x: x.__setitem__(x > 0, x.clone()),
    "unique": lambda x: x.unique(),
    "repeat_interleave": lambda x: torch.repeat_interleave(x, x.long()),
    "equal": lambda x: torch.equal(x, x),
    "masked_select": lambda x: x.masked_select(x > 0),
    "bincount": lambda x: x.long().bincount(),
    "index by an element": lambda x: x[x.long()[0]],
}


@pytest.mark.parametrize("name", SYNCS)
def test_operators_that_ask_the_host(module: Any, name: str) -> None:
    x = torch.ones(4, device=D)
    SYNCS[name](x)
    with pytest.raises(RuntimeError, match="previous error during capture"), module.graph(module.CUDAGraph()):
        SYNCS[name](x)


QUIET: dict[str, Callable[[torch.Tensor], object]] = {
    "a number through a mask": lambda x: x.__setitem__(x > 0, 5.0),
    "repeat_interleave of known size": lambda x: torch.repeat_interleave(x, x.long(), output_size=4),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "masked_fill": lambda x: x.masked_fill_(x > 0, 1.0),
    "one_hot of known size": lambda x: torch.nn.functional.one_hot(x.long(), 3),
    "index by a tensor": lambda x: x[x.long()],
    "histogram of integers": lambda x: torch.histc(x.int(), 4, 0, 3),
    "full": lambda x: torch.full((2,), 1.0, device=D),
    "new_zeros": lambda x: x.new_zeros(3),
}


@pytest.mark.parametrize("name", QUIET)
def test_operators_that_do_not(module: Any, name: str) -> None:
    x = torch.ones(4, device=D)
    with module.graph(module.CUDAGraph()):
        QUIET[name](x)


def test_the_default_stream_cannot_be_captured(module: Any) -> None:
    with pytest.raises(RuntimeError, match="must be captured on a non-default stream"):
        module.CUDAGraph().capture_begin()


def test_texts_of_graphs_out_of_order(module: Any) -> None:
    graph, x = module.CUDAGraph(), torch.ones(4, device=D)
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        graph.replay()
    with pytest.raises(RuntimeError, match=r"pool\(\) without a preceding"):
        graph.pool()
    with pytest.raises(RuntimeError, match="capture_begin"):
        graph.capture_end()
    with pytest.raises(ValueError, match="Unknown capture error mode"):
        graph.capture_begin(capture_error_mode="lenient")
    with module.graph(graph):
        x.add_(1)
    with pytest.raises(RuntimeError, match="already owns a captured graph"):
        graph.capture_begin()
    graph.reset()
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        graph.replay()
    with module.stream(module.Stream()):
        graph.capture_begin()
    with pytest.raises(RuntimeError, match="same stream it began on"):
        graph.capture_end()


def test_an_empty_graph_warns(module: Any) -> None:
    with pytest.warns(UserWarning, match="The CUDA Graph is empty"), module.graph(module.CUDAGraph()):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with module.graph(module.CUDAGraph()):
            torch.ones(1, device=D)


def test_the_seed_stays_during_a_capture(module: Any) -> None:
    torch.manual_seed(1)
    with module.graph(module.CUDAGraph()):
        torch.rand(4, device=D)
        torch.manual_seed(1)
        with pytest.raises(RuntimeError, match="only if new seed is the same"):
            torch.manual_seed(2)


def test_debug_dump_is_dot(module: Any, tmp_path: Any) -> None:
    graph, x = module.CUDAGraph(), torch.ones(4, device=D)
    graph.enable_debug_mode()
    with module.graph(graph):
        x.add_(1).mul_(2)
    graph.debug_dump(str(tmp_path / "graph.dot"))
    assert "n0 -> n1" in (tmp_path / "graph.dot").read_text()


def test_a_backward_pass_runs_where_it_is_asked_for(module: Any) -> None:
    """torch runs it on threads of its own."""
    x, leaf = torch.ones(4, device=D), torch.full((4,), 3.0, device=D, requires_grad=True)
    leaf.grad = torch.zeros_like(leaf)
    (leaf * x).sum().backward()
    graph = module.CUDAGraph()
    with module.graph(graph):
        leaf.grad.zero_()
        (leaf * x).square().sum().backward()
        (other,) = torch.autograd.grad((leaf * x).sum(), leaf)
    for value in (1.0, 2.0):
        x.fill_(value)
        graph.replay()
        assert leaf.grad.tolist() == [2 * 3.0 * value**2] * 4
        assert other.tolist() == [value] * 4
    (leaf * x).sum().backward()
    assert leaf.grad.tolist() == [2 * 3.0 * 4 + 2.0] * 4
