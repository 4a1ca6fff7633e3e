"""Audits of every kind and size, made by hand: what the readers must cope with, and no device needed."""

from typing import Any

from msgspec.structs import replace

from imp_graphcheck.record.audit import Audit, AuditSite, Headline, Opaque, SourceTree, Step
from imp_graphcheck.record.site import Frame
from tests.reports.large import HOSTILE

REFUSED = "900 cudaErrorStreamCaptureUnsupported"
ALL_MODES = {"global": REFUSED, "thread_local": REFUSED, "relaxed": REFUSED}

WAIT = AuditSite(
    file="engine/sample.py",
    line=41,
    function="Sampler.pick",
    api="cudaStreamSynchronize",
    kind="sync",
    fate="forbidden",
    code="GC101",
    reason="it waits for work, or asks for its end, that is only being recorded",
    remedy="move the wait out of the captured region",
    modes=ALL_MODES,
    stack=(
        Frame(file="/venv/torch/_tensor.py", line=1001, function="item"),
        Frame(file="engine/sample.py", line=41, function="Sampler.pick"),
        Frame(file="engine/model.py", line=7, function="forward"),
    ),
    count=6,
    phases={"warm-up": 1, "eager": 4, "capture": 1},
    threads=("MainThread",),
    streams=("7",),
    origins=("run",),
)
UPLOAD = AuditSite(
    file="engine/batch.py",
    line=12,
    function="stage",
    api="cudaMemcpyAsync",
    kind="h2d",
    fate="rereads host",
    code="GC105",
    reason="every replay reads the host address again",
    remedy="copy into a static device buffer before the replay",
    count=4,
    bytes_total=4096,
    phases={"eager": 4},
    host="pageable",
    origins=("run",),
)
GROWTH = AuditSite(
    file="engine/workspace.py",
    line=88,
    function="Workspace.grow",
    api="cudaMalloc",
    kind="alloc",
    fate="capture only",
    code="GC103",
    reason="relaxed mode lets it pass: it happens at the capture, and at no replay",
    remedy="reserve the memory once, before the capture, for the largest call",
    modes={"global": REFUSED, "thread_local": REFUSED},
    count=1,
    bytes_total=1 << 20,
    phases={"capture": 1},
    origins=("run",),
)
CALLBACK = AuditSite(
    file="engine/hook.py",
    line=5,
    function="notify",
    api="cudaLaunchHostFunc",
    kind="callback",
    fate="rereads host",
    reason="every replay calls the function again, with the same pointer to its data",
    remedy="keep what the pointer leads to alive as long as the graph",
    count=2,
    phases={"eager": 1, "capture": 1},
    origins=("run",),
)
INSIDE = AuditSite(
    file="engine/cache.py",
    line=30,
    function="append",
    api="cudaMemcpyAsync",
    kind="d2d",
    fate="fixed",
    reason="every replay does the same with the same addresses",
    count=20,
    bytes_total=20 << 10,
    phases={"eager": 10, "capture": 10},
    origins=("run",),
)
OUTSIDE = AuditSite(
    file="engine/load.py",
    line=3,
    function="load",
    api="cudaMalloc",
    kind="alloc",
    fate="harmless",
    reachable="no",
    reason="it is made outside of the captured region (load)",
    count=9,
    bytes_total=9 << 20,
    phases={"load": 9},
    origins=("run",),
)

RAN = Audit(
    id="20000101-000001-model",
    command=("imp-graphcheck", "audit-syncs", "model"),
    tool_version="0.1.0",
    started_at="2000-01-01T00:00:01+00:00",
    environment={"torch": "2.13.0"},
    target="model",
    device="cuda",
    traced_by="CUPTI",
    headline=Headline(
        api=WAIT.api,
        error=REFUSED,
        file=WAIT.file,
        line=WAIT.line,
        function=WAIT.function,
        mode="global",
        hidden_by="AcceleratorError: CUDA error: operation failed due to a previous error during capture",
    ),
    sites=(OUTSIDE, INSIDE, GROWTH, UPLOAD, CALLBACK, WAIT),
    seconds=4.5,
    notes=("the capture of decode failed",),
)
"""By running: a headline, and sites of every fate."""

CLEAN_RUN = replace(RAN, headline=None, sites=(OUTSIDE, INSIDE), notes=())

CHAIN = (
    Step(function="Engine::forward_logits", file="src/engine.cu"),
    Step(function="Layer::run", file="src/engine.cu", line=120),
    Step(function="upload", file="src/layer.cu", line=44),
)
READ_UPLOAD = AuditSite(
    file="src/layer.cu",
    line=17,
    function="upload",
    api="cudaMemcpyAsync",
    kind="h2d",
    fate="rereads host",
    code="GC105",
    reason="every replay reads the host address again",
    remedy="copy into a static device buffer before the replay",
    guard='getenv("DEBUG") && n > 0',
    chain=CHAIN,
    host="pageable",
    origins=("source",),
    text="cudaMemcpyAsync(dst, &params, sizeof params, cudaMemcpyHostToDevice, stream)",
)
READ_HANDLE = AuditSite(
    file="src/blas.cu",
    line=9,
    function="handle_for_thread",
    api="cublasCreate",
    kind="handle",
    fate="forbidden",
    reachable="maybe",
    code="GC104",
    reason="it may wait for the device, so a capture forbids it unless its mode is relaxed",
    remedy="make it once before the capture, in the same thread",
    guard="!(handle)",
    modes={"global": REFUSED, "thread_local": REFUSED},
    chain=(*CHAIN[:2], Step(function="handle_for_thread", file="src/layer.cu", line=50)),
    origins=("source",),
    notes=("the first call only: !(handle); nothing makes it before",),
)
READ_DEBUG = AuditSite(
    file="src/engine.cu",
    line=300,
    function="dump",
    api="cudaDeviceSynchronize",
    kind="sync",
    fate="harmless",
    reachable="maybe",
    reason="only in builds or runs for debugging: DEBUG",
    origins=("source",),
)
READ_DEAD = AuditSite(
    file="src/old.cu",
    line=2,
    function="old_forward",
    api="cudaFree",
    kind="free",
    fate="harmless",
    reachable="no",
    reason="the entry does not lead here",
    origins=("source",),
)
TREE = SourceTree(
    directory="/home/ci/repository/engine",
    language="cpp",
    entries=("Engine::forward_logits",),
    files=31,
    lines=12_345,
    functions=410,
    reached_functions=77,
    seconds=0.75,
    opaque=(
        Opaque(file="src/odd.cu", first=3, last=9, reason="a macro ends a block"),
        Opaque(file="src/blob.cu"),
    ),
    unknown_calls=("src/engine.cu:77 callback_",),
)
READ = Audit(
    id="20000101-000002-engine",
    command=("imp-graphcheck", "audit-syncs", "--source", "engine", "--entry", "Engine::forward_logits"),
    tool_version="0.1.0",
    started_at="2000-01-01T00:00:02+00:00",
    sites=(READ_UPLOAD, READ_HANDLE, READ_DEBUG, READ_DEAD),
    source=TREE,
    seconds=0.8,
)
"""By reading."""

TRACED = Audit(
    id="20000101-000003-process",
    command=("imp-graphcheck", "audit-syncs", "--", "./engine", "--serve"),
    tool_version="0.1.0",
    started_at="2000-01-01T00:00:03+00:00",
    target="engine",
    traced_by="CUPTI 13, 1 process",
    status="partial",
    status_reason="the command died with SIGSEGV",
    headline=Headline(api="cublasCreate", error=REFUSED, hidden_by="901 cudaErrorStreamCaptureInvalidated"),
    sites=(
        replace(
            WAIT,
            file="libengine.so+0x41c0",
            line=0,
            function="void engine::pick<float, 8>(engine::Logits const&)",
            stack=(
                Frame(file="libcudart.so.13+0x10", line=0, function="cudaStreamSynchronize"),
                Frame(
                    file="libengine.so+0x41c0",
                    line=0,
                    function="void engine::pick<float, 8>(engine::Logits const&)",
                ),
                Frame(file="/src/engine/main.cpp", line=12, function="main"),
            ),
            origins=("process",),
            phases={"capture": 1, "elsewhere": 5},
        ),
        replace(UPLOAD, file="<unknown>", line=0, function="<unknown>", origins=("process",), host="pinned"),
    ),
    notes=("the capture that was begun at main.cpp:12 did not end",),
)
"""By tracing a process that died; lines are not known everywhere."""

EMPTY = replace(READ, sites=(), source=replace(TREE, opaque=(), unknown_calls=()))
FAILED = replace(
    RAN,
    status="failed",
    status_reason="fails without graphs, in warm-up: ValueError: never worked",
    headline=None,
    sites=(),
    notes=(),
)
BARE = Audit(id="", command=(), tool_version="", started_at="")
COMPARED = replace(
    READ, baseline="audit-baseline.json", sites=(replace(READ_UPLOAD, is_new=False), READ_HANDLE, READ_DEAD)
)
ALL_KNOWN = replace(
    READ, sites=tuple(replace(site, is_new=False) for site in READ.sites), baseline="audit-baseline.json"
)
MERGED = replace(
    READ,
    target="engine",
    traced_by="CUPTI 13, 1 process",
    sites=(
        replace(READ_UPLOAD, count=3, phases={"capture": 1, "elsewhere": 2}, origins=("source", "process")),
        replace(READ_HANDLE, count=0, bytes_total=0),
        replace(WAIT, file="/opt/lib/other.cpp", origins=("process",), notes=("outside of engine/",)),
    ),
)

NAMED = {
    "ran": RAN,
    "clean run": CLEAN_RUN,
    "read": READ,
    "traced": TRACED,
    "empty": EMPTY,
    "failed": FAILED,
    "bare": BARE,
    "compared": COMPARED,
    "all known": ALL_KNOWN,
    "merged": MERGED,
}


def many(count: int) -> Audit:
    """A tree with `count` sites: of five, four reached, three with something wrong."""
    kinds = (READ_UPLOAD, READ_HANDLE, replace(WAIT, stack=(), origins=("source",)), READ_DEBUG, READ_DEAD)
    sites = tuple(
        replace(
            kinds[n % 5],
            file=f"src/runtime/module_{n % 200:03}.cu",
            line=n + 1,
            function=f"runtime::Module{n % 200}::step_{n}",
            chain=(*CHAIN, *(Step(function=f"level_{d}", file="src/deep.cu", line=d + 1) for d in range(8))),
            text=f"CHECK(cudaMemcpyAsync(target + {n}, source, bytes, cudaMemcpyHostToDevice, stream))",
        )
        for n in range(count)
    )
    return replace(READ, sites=sites)


def audit_with(text: str) -> Audit:
    """An audit that says `text` wherever a program could."""
    modes: dict[str, str] = {text: text, "global": text}
    site: dict[str, Any] = {
        "file": text,
        "line": 3,
        "function": text,
        "api": text,
        "reason": text,
        "remedy": text,
        "guard": text,
        "modes": modes,
        "chain": (Step(function=text, file=text, line=2), Step(function=text, file=text, line=3)),
        "stack": (Frame(file=text, line=3, function=text), Frame(file=text, line=9, function=text)),
        "count": 1,
        "phases": {"eager": 1},
        "streams": (text,),
        "threads": (text,),
        "origins": ("run", "source"),
        "notes": (text,),
        "text": text,
    }
    return Audit(
        id=text,
        command=("imp-graphcheck", text),
        tool_version="0.1.0",
        started_at=text,
        environment={text: text},
        target=text,
        device=text,
        traced_by=text,
        status="partial",
        status_reason=text,
        headline=Headline(api=text, error=text, file=text, line=3, function=text, mode=text, hidden_by=text),
        sites=(
            AuditSite(kind="sync", fate="forbidden", code="GC101", **site),
            AuditSite(kind="h2d", fate="rereads host", **{**site, "line": 0}),
            AuditSite(kind="alloc", fate="harmless", reachable="no", **site),
        ),
        source=replace(
            TREE,
            directory=text,
            entries=(text,),
            opaque=(Opaque(file=text, first=1, last=2, reason=text),),
            unknown_calls=(text,),
        ),
        baseline=text,
        notes=(text,),
    )


HOSTILE_AUDIT = audit_with(HOSTILE)
