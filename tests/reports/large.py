"""Runs of any size, made by hand: what the readers must cope with, and no device needed."""

from msgspec.structs import replace

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.run import CallComparison, Run
from imp_graphcheck.record.site import Frame, Site
from tests.reports.runs import CALL, CLEAN

POOL = "pool 0:1"
SITES = tuple(Site(file="engine/layers.py", line=10 + n, function="forward") for n in range(12))
STACK = (
    Frame(file="engine/layers.py", line=10, function="forward"),
    Frame(file="engine/model.py", line=5, function="run"),
)

HOSTILE = "</script><script>alert('x')</script>\x1b[31m\x07\u202e&amp;\"'{{ 7 * 7 }}"
"""Markup, a terminal escape, a bell, a change of direction, an entity, quotes and a template."""


def pointer(allocation: Allocation, access: str, displacement: int = 0) -> Pointer:
    return Pointer(
        offset=0,
        address=allocation.address + displacement,
        generation=allocation.generation,
        displacement=displacement,
        span_bytes=allocation.size_bytes - displacement,
        access=access,  # type: ignore[arg-type]
        confirmed=True,
    )


def param(name: str, allocation: Allocation, access: str) -> Param:
    found = pointer(allocation, access)
    return Param(name=name, data=found.address.to_bytes(8, "little").hex(), pointers=(found,))


def memory(layers: int, *, dead: bool = True) -> tuple[Allocation, ...]:
    """One weight per layer, a cache, transients of the pool, and a scratch buffer that is gone."""
    weights = tuple(
        Allocation(
            generation=n + 1,
            address=0x10000000 + n * 0x10000,
            size_bytes=0x8000,
            names=(f"model.layers[{n}].weight",),
            allocation_site=SITES[0],
        )
        for n in range(layers)
    )
    cache = Allocation(generation=9001, address=0x20000000, size_bytes=1 << 20, names=("cache.keys",))
    scratch = Allocation(
        generation=9002,
        address=0x30000000,
        size_bytes=1 << 22,
        names=("engine.scratch",),
        state="unmapped" if dead else "live",
        allocation_site=replace(SITES[1], stack=STACK),
        free_site=SITES[2] if dead else None,
    )
    transients = tuple(
        Allocation(
            generation=10_000 + n,
            address=0x40000000 + (n % 7) * 0x4000,
            size_bytes=0x4000,
            pool=POOL,
            state="freed",
        )
        for n in range(layers * 2)
    )
    return (*weights, cache, scratch, *transients)


def graph(layers: int, owned: tuple[Allocation, ...], *, per_layer: int = 10) -> GraphTrace:
    """`layers * per_layer` nodes in a chain."""
    by_generation = {allocation.generation: allocation for allocation in owned}
    nodes = []
    for index in range(layers * per_layer):
        layer, step = divmod(index, per_layer)
        params = [
            param("self", by_generation[layer + 1], "read"),
            param("out", by_generation[10_000 + 2 * layer + step % 2], "write"),
            Param(name="dim", data=(step).to_bytes(8, "little").hex()),
        ]
        if step == 3:
            params.append(param("scratch", by_generation[9002], "write"))
        if step == 4:
            params.append(param("keys", by_generation[9001], "readwrite"))
        nodes.append(
            Node(
                index=index,
                kind="memcpy" if step == 9 else "kernel",
                name=f"aten.op{step}.out",
                op=f"aten.op{step}",
                dependencies=(index - 1,) if index else (),
                direction="d2d" if step == 9 else None,
                size_bytes=4096 if step == 9 else None,
                grid=(step + 1, 1, 1),
                block=(128, 1, 1),
                shared_bytes=0,
                params=tuple(params),
                launch=step,
            )
        )
    return GraphTrace(
        key="prefill 256 tokens",
        nodes=tuple(nodes),
        capture_seconds=0.25,
        pool_bytes=22 << 20,
        pool=POOL,
        sites=SITES,
        replays=12,
    )


def calls(count: int) -> tuple[CallComparison, ...]:
    """Calls of every kind: identical, within the noise, diverged, not finite, of another layout, never written."""
    kinds = (
        {},
        {"agreement": "noise", "max_abs_delta": 3e-6, "noise_max_abs_delta": 5e-6, "bit_equal": 0.5},
        {"agreement": "diverged", "max_abs_delta": 2.5, "noise_max_abs_delta": 5e-6, "bit_equal": 0.0},
        {"agreement": "nonfinite", "max_abs_delta": None, "mean_abs_delta": None, "nan_count": 7},
        {"agreement": "diverged", "max_abs_delta": None, "layouts": "float32[2] instead of float32[3]"},
        {"agreement": "diverged", "max_abs_delta": 1e-3, "output_written": False},
    )
    return tuple(
        replace(CALL, request=n % 3, call=n, sweep=n * 2 // count, label=f"q_offset {n}", **kinds[n % 6])  # type: ignore[arg-type]
        for n in range(count)
    )


def finding(run_graph: GraphTrace, dead: Allocation) -> Finding:
    node = next(node for node in run_graph.nodes if any(p.name == "scratch" for p in node.params))
    return Finding(
        code="GC202",
        severity="error",
        confidence="confirmed",
        message="engine.scratch: 4.0 MiB is not mapped any more: a replay faults",
        remedy="keep the allocation alive as long as the graph",
        graph=run_graph.key,
        node=node.index,
        kernel=node.name,
        argument="scratch",
        allocation_site=dead.allocation_site,
        free_site=dead.free_site,
        launch_site=run_graph.launch_site(node),
        consequences=("illegal memory access in the replay",),
    )


def large(layers: int = 100, *, compared: int = 60) -> Run:
    """A run of `layers * 10` nodes in which a scratch buffer is dead."""
    owned = memory(layers)
    captured = graph(layers, owned)
    return replace(
        CLEAN,
        verdict="findings",
        verdict_reason="1 error",
        graphs=(captured,),
        memory=owned,
        calls=calls(compared),
        environment={"torch": "2.13.0", "device": "software GPU (sim)"},
        findings=(finding(captured, owned[layers + 1]),),
    )


def hostile() -> Run:
    """Every text of the program under test tries to be something else."""
    run = large(2, compared=6)
    (captured,) = run.graphs
    site = Site(file=f"/{HOSTILE}/x.py", line=1, function=HOSTILE)
    nodes = tuple(replace(node, name=HOSTILE, op=HOSTILE) for node in captured.nodes)
    return replace(
        run,
        target=replace(run.target, name=HOSTILE),
        verdict_reason=HOSTILE,
        command=("imp-graphcheck", "capture", HOSTILE),
        environment={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
        fallbacks={HOSTILE: 1},
        stages=tuple(replace(stage, detail=HOSTILE) for stage in run.stages),
        calls=tuple(replace(call, label=HOSTILE, key=HOSTILE) for call in run.calls),
        state=tuple(replace(state, name=HOSTILE, bytes_different=1) for state in run.state),
        memory=tuple(replace(allocation, names=(HOSTILE,)) for allocation in run.memory),
        graphs=(replace(captured, key=HOSTILE, nodes=nodes, sites=(site,) * len(SITES)),),
        findings=tuple(
            replace(
                found,
                message=HOSTILE,
                remedy=HOSTILE,
                kernel=HOSTILE,
                argument=HOSTILE,
                graph=HOSTILE,
                allocation_site=site,
                free_site=site,
                launch_site=site,
                consequences=(HOSTILE,),
            )
            for found in run.findings
        ),
    )
