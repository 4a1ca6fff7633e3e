"""Runs to be rendered."""

from msgspec.structs import replace

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node
from imp_graphcheck.record.run import CallComparison, Run, Speed, Stage, StateComparison, Target
from imp_graphcheck.record.site import Site

CALL = CallComparison(
    request=0,
    call=0,
    sweep=0,
    label="q_offset 0, 256 tokens",
    key="prefill 256",
    path="replay",
    agreement="identical",
    noise_max_abs_delta=0.0,
    max_abs_delta=0.0,
    mean_abs_delta=0.0,
    bit_equal=1.0,
    kld=0.0,
    kld_max=0.0,
    top1_agreement=1.0,
    top5_agreement=1.0,
)

DIVERGED = replace(
    CALL,
    request=1,
    call=2,
    label="q_offset 256, 256 tokens",
    agreement="diverged",
    max_abs_delta=3.25,
    kld=0.41,
    kld_max=1.7,
    top1_agreement=0.9999,
    top5_agreement=0.25,
)

GRAPH = GraphTrace(
    key="prefill 256",
    nodes=tuple(Node(index=i, kind="kernel" if i else "memcpy", name=f"n{i}") for i in range(5)),
    capture_seconds=0.25,
    pool_bytes=3 << 20,
    replays=12,
)

CLEAN = Run(
    id="20000101-000000",
    command=("imp-graphcheck", "capture", "qwen3-moe-tiny", "--device", "sim"),
    tool_version="0.1.0",
    started_at="2000-01-01T00:00:00Z",
    environment={},
    target=Target(name="qwen3-moe-tiny", kind="shape", device="sim", dtype="float32"),
    verdict="clean",
    stages=(
        Stage(name="load", status="ok", seconds=1.5, detail="25 tensors"),
        Stage(name="replay", status="ok", seconds=0.5),
    ),
    calls=tuple(replace(CALL, request=n % 3, call=n) for n in range(12)),
    state=(StateComparison(name="kv_cache.0", sweep=0, bytes_total=1 << 20, bytes_different=0),),
    graphs=(GRAPH,),
    replays=12,
    speed=Speed(
        eager_seconds=(0.4, 0.2, 0.3), captured_seconds=(0.1, 0.2, 0.15), tokens=1024, ratio_median=2.0
    ),
)

FREED = Finding(
    code="GC202",
    severity="error",
    confidence="confirmed",
    message="node 17 (moe_gather) reads memory that was freed before the replay",
    remedy="allocate the scratch buffer once, before the capture",
    graph="prefill 256",
    node=17,
    kernel="moe_gather",
    argument="2",
    allocation_site=Site(file="engine.py", line=120, function="forward"),
    free_site=Site(file="engine.py", line=131, function="forward"),
    consequences=("error 700 in every later call",),
)

BROKEN = replace(
    CLEAN,
    verdict="findings",
    calls=(*CLEAN.calls, DIVERGED),
    state=(replace(CLEAN.state[0], bytes_different=64, first_difference=4096), *CLEAN.state),
    findings=(replace(FREED, code="GC304", severity="warning", message="a later one", remedy=""), FREED),
    fallbacks={"chunk 100 has no graph": 2},
    notes=("worker.log ends with:\nCUDA error", "memory history was on"),
)
