"""Small programs whose results on an H200 are known; the software GPU must give the same.

Each is one way in which a captured graph goes wrong (or right). The expected values are what the hardware printed.
"""

import threading
from typing import Any

import pytest
import torch

D = "sim"


def captured(module: Any, body: Any, **options: Any) -> tuple[Any, Any]:
    graph = module.CUDAGraph()
    with module.graph(graph, **options):
        out = body()
    return graph, out


def first_error(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error


def test_freed_input_replays_until_its_block_is_reused(module: Any) -> None:
    def build() -> tuple[Any, torch.Tensor]:
        source = torch.arange(1 << 20, device=D).float()
        return captured(module, lambda: source * 2)

    graph, out = build()
    graph.replay()
    assert out[1].item() == 2.0, "freed, not yet reused: right by luck"
    junk = [torch.full((1 << 20,), -7.0, device=D) for _ in range(6)]
    graph.replay()
    assert out[1].item() == -14.0
    assert len(junk) == 6


def test_unmapped_input_is_an_illegal_access(module: Any) -> None:
    def build() -> Any:
        big = torch.ones(16 << 20, device=D)
        return captured(module, lambda: big * 2)[0]

    graph = build()
    module.empty_cache()
    graph.replay()
    with pytest.raises(torch.AcceleratorError, match="an illegal memory access was encountered"):
        module.synchronize()
    with pytest.raises(torch.AcceleratorError, match="illegal memory access"):
        torch.ones(1, device=D)  # the context is dead for good


def test_grown_workspace_is_written_into_a_victim(module: Any) -> None:
    workspace: dict[str, torch.Tensor] = {}

    def scratch(count: int) -> torch.Tensor:
        if "buf" not in workspace or workspace["buf"].numel() < count:
            workspace["buf"] = torch.zeros(count, device=D)
        return workspace["buf"][:count]

    def layer(x: torch.Tensor) -> torch.Tensor:
        return scratch(x.numel()).copy_(x) * 2

    x = torch.ones(1024, device=D)
    layer(x)
    graph, _ = captured(module, lambda: layer(x))
    layer(torch.ones(4096, device=D))
    victim = torch.full((1024,), 5.0, device=D)
    graph.replay()
    assert victim[0].item() == 1.0


def test_first_allocation_in_capture_lands_on_a_transient(module: Any) -> None:
    cache: dict[int, torch.Tensor] = {}
    count = 1 << 18
    source = torch.full((count,), 3.0, device=D)

    def body() -> torch.Tensor:
        transient = source * 2
        total = transient.sum()
        del transient
        cache[count] = torch.empty(count, device=D)
        return total

    graph, _ = captured(module, body)
    cache[count].fill_(1234.0)
    graph.replay()
    assert int((cache[count] != 1234.0).sum()) == count


def test_rebuilt_metadata_is_not_seen(module: Any) -> None:
    meta = {"slots": torch.tensor([0, 1], device=D)}
    keep = meta["slots"]
    kv, x = torch.zeros(8, device=D), torch.tensor([10.0, 20.0], device=D)

    def step() -> torch.Tensor:
        return kv.index_copy_(0, meta["slots"], x)

    step()
    graph, _ = captured(module, step)
    kv.zero_()
    meta["slots"] = torch.tensor([4, 5], device=D)
    graph.replay()
    assert kv.tolist() == [10, 20, 0, 0, 0, 0, 0, 0]
    assert keep.tolist() == [0, 1]


def test_python_number_is_frozen(module: Any) -> None:
    k = torch.arange(8.0, device=D)
    state = {"n": 3}

    def body() -> torch.Tensor:
        return k[: state["n"]].sum()

    body()
    graph, y = captured(module, body)
    state["n"] = 6
    graph.replay()
    assert y.item() == 3.0
    assert body().item() == 15.0


def test_recycled_pinned_source_is_reread(module: Any) -> None:
    def build() -> tuple[Any, torch.Tensor]:
        host = torch.tensor([1.0, 2.0]).pin_memory()
        graph, y = captured(module, lambda: host.to(D, non_blocking=True) * 10)
        graph.replay()
        module.synchronize()
        assert y.tolist() == [10, 20]
        return graph, y

    graph, y = build()
    other = torch.tensor([7.0, 8.0]).pin_memory()
    graph.replay()
    module.synchronize()
    assert y.tolist() == [70, 80]
    assert other.is_pinned()


def test_pinned_source_overwritten_while_the_gpu_is_behind(module: Any) -> None:
    host, dev = torch.zeros(1).pin_memory(), torch.zeros(1, device=D)
    graph, y = captured(module, lambda: dev * 1)
    outs = []
    module._sleep(400_000_000)
    for value in range(3):
        host.fill_(value)
        dev.copy_(host, non_blocking=True)
        graph.replay()
        outs.append(y.clone())
    module.synchronize()
    assert [out.item() for out in outs] == [2, 2, 2]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda x: x.sum().item(), id="item"),
        pytest.param(lambda x: x[x > 0], id="mask"),
        pytest.param(lambda x: x.nonzero(), id="nonzero"),
    ],
)
def test_sync_in_capture_hides_the_first_error(module: Any, body: Any) -> None:
    x = torch.randn(4, device=D)
    with pytest.raises(RuntimeError, match="previous error during capture") as caught:
        captured(module, lambda: body(x))
    assert "not permitted when stream is capturing" in str(first_error(caught.value))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda x: torch.tensor([1.0], device=D), id="upload"),
        pytest.param(lambda x: x.cpu(), id="download"),
    ],
)
def test_pageable_copy_in_capture_is_refused(module: Any, body: Any) -> None:
    x = torch.randn(4, device=D)
    with pytest.raises(RuntimeError, match="unless the CPU tensor is pinned"):
        captured(module, lambda: body(x))


def test_library_handle_cannot_be_made_in_a_capture(module: Any) -> None:
    a = torch.randn(64, 64, device=D)
    with pytest.raises(RuntimeError) as caught:
        captured(module, lambda: a @ a)
    assert "CUBLAS_STATUS_NOT_INITIALIZED" in str(first_error(caught.value))


@pytest.mark.parametrize(("mode", "survives"), [("global", False), ("thread_local", True), ("relaxed", True)])
def test_event_query_in_another_thread(module: Any, mode: str, survives: bool) -> None:
    event = torch.Event("sim")
    event.record()
    x = torch.ones(4, device=D)

    def query() -> None:
        try:
            event.query()
        except RuntimeError:
            return  # refused there; what matters is what it does to the capture

    def body() -> torch.Tensor:
        y = x * 2
        thread = threading.Thread(target=query)
        thread.start()
        thread.join()
        return y + 1

    if survives:
        graph, z = captured(module, body, capture_error_mode=mode)
        graph.replay()
        assert z.tolist() == [3.0] * 4
    else:
        with pytest.raises(RuntimeError, match="previous error during capture"):
            captured(module, body, capture_error_mode=mode)


def test_unforked_stream_runs_once_at_capture(module: Any) -> None:
    side = module.Stream()
    x, z = torch.ones(4, device=D), torch.zeros(4, device=D)
    graph = module.CUDAGraph()
    with module.graph(graph):
        y = x * 2
        with module.stream(side):
            z.copy_(x)
    x.fill_(3.0)
    graph.replay()
    module.synchronize()
    assert (y[0].item(), z[0].item()) == (6.0, 1.0)
    assert len(graph.nodes) == 1


def test_forked_and_not_joined(module: Any) -> None:
    side = module.Stream()
    x = torch.ones(4, device=D)

    def body() -> torch.Tensor:
        side.wait_stream(module.current_stream())
        with module.stream(side):
            return x * 2

    with pytest.raises(RuntimeError, match="unjoined work"):
        captured(module, body)


def test_forked_and_joined(module: Any) -> None:
    side = module.Stream()
    x = torch.ones(4, device=D)

    def body() -> torch.Tensor:
        side.wait_stream(module.current_stream())
        with module.stream(side):
            y = x * 2
        module.current_stream().wait_stream(side)
        return y + 1

    graph, y = captured(module, body)
    assert graph.nodes[1].dependencies == (0,)
    x.fill_(5.0)
    graph.replay()
    assert y[0].item() == 11.0


def test_weak_key_replays_the_wrong_branch(module: Any) -> None:
    graphs: dict[int, tuple[Any, torch.Tensor]] = {}
    x = torch.arange(4.0, device=D)

    def run(size: int, causal: bool) -> list[float]:
        if size not in graphs:
            graphs[size] = captured(module, lambda: x.cumsum(0) if causal else x.sum().expand(4))
        graphs[size][0].replay()
        return graphs[size][1].tolist()

    assert run(4, True) == run(4, False) == [0, 1, 3, 6]


def test_warm_up_advances_real_state(module: Any) -> None:
    state = torch.zeros(1, device=D)
    for _ in range(2):
        state.add_(1)
    graph, _ = captured(module, lambda: state.add_(1))
    assert state.item() == 2.0, "a capture runs nothing"
    graph.replay()
    assert state.item() == 3.0


def test_replaced_weight_keeps_being_read(module: Any) -> None:
    linear = torch.nn.Linear(4, 4, bias=False, device=D)
    x = torch.ones(1, 4, device=D)
    with torch.no_grad():
        before = linear(x)[0, 0].item()
        graph, y = captured(module, lambda: linear(x))
        new, keep = torch.full((4, 4), 2.0, device=D), linear.weight
        linear.weight = torch.nn.Parameter(new)
        graph.replay()
        assert y[0, 0].item() == before
        keep.data.copy_(new)
        graph.replay()
        assert y[0, 0].item() == 8.0


def test_output_is_overwritten_by_the_next_replay(module: Any) -> None:
    x = torch.ones(4, device=D)
    graph, y = captured(module, lambda: x * 2)
    graph.replay()
    kept = y
    x.fill_(5.0)
    graph.replay()
    assert kept[0].item() == 10.0


def test_foreign_generator_is_refused(module: Any) -> None:
    generator = torch.Generator(D).manual_seed(0)
    with pytest.raises(RuntimeError, match="Attempt to increase offset for a CUDA generator"):
        captured(module, lambda: torch.rand(4, device=D, generator=generator))


def test_registered_generator_advances_with_each_replay(module: Any) -> None:
    generator = torch.Generator(D).manual_seed(0)
    graph = module.CUDAGraph()
    graph.register_generator_state(generator)
    with module.graph(graph):
        y = torch.rand(4, device=D, generator=generator)
    graph.replay()
    first = y.tolist()
    graph.replay()
    assert y.tolist() != first
    assert first == torch.rand(4, device=D, generator=torch.Generator(D).manual_seed(0)).tolist()


def test_two_graphs_share_a_workspace_of_the_first(module: Any, gpu: Any) -> None:
    a = torch.randn(8, 8, device=D)
    a @ a  # the handle exists; the workspace of the capture stream does not
    first, _ = captured(module, lambda: a @ a)
    second, _ = captured(module, lambda: a @ a)
    assert first.nodes[0].work.workspace.address == second.nodes[0].work.workspace.address
    owner = gpu.allocator.live_at(second.nodes[0].work.workspace.address)
    assert owner.pool == first.pool() != second.pool()


def test_big_allocation_in_another_thread_breaks_a_global_capture(module: Any) -> None:
    x = torch.ones(4, device=D)

    def allocate() -> None:
        try:
            torch.empty(1 << 28, device=D)
        except RuntimeError:
            return

    def body() -> torch.Tensor:
        thread = threading.Thread(target=allocate)
        thread.start()
        thread.join()
        return x * 2

    with pytest.raises(RuntimeError, match="previous error during capture"):
        captured(module, body)
