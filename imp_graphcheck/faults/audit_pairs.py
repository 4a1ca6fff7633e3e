"""Which call each small program makes in its captured region, what becomes of it, and the twin that makes none."""

import importlib
from dataclasses import dataclass

from imp_graphcheck.faults.pairs import marked_lines

_MODULE = "imp_graphcheck.faults.programs.audited"
ALL = ("global", "thread_local", "relaxed")
STRICT = ALL[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A site: at the line that is marked with `mark`, of class `kind`. `modes` are those that refuse the call.

    Where `api` is empty, any call of the class may be it. `thread` makes it, if it is not the one that captures.
    """

    mark: str
    kind: str
    fate: str
    code: str | None
    modes: tuple[str, ...] = ()
    api: str = ""
    reachable: str = "yes"
    thread: str = ""
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPair:
    """`fault` and `twin` are classes of `imp_graphcheck.faults.programs.audited`. `headline` is the word that marks the line
    at which the capture fails; empty where it does not. `sim_only`: on a card torch makes another call of it, which a capture
    does not mind.
    """

    fault: str
    twin: str
    expected: tuple[Expected, ...]
    headline: str = ""
    sim_only: bool = False

    @property
    def fault_model(self) -> str:
        """The faulty program, as a MODEL of the command line."""
        return f"{_MODULE}:{self.fault}"

    @property
    def twin_model(self) -> str:
        """The repaired program, as a MODEL of the command line."""
        return f"{_MODULE}:{self.twin}"


def marked() -> dict[str, tuple[str, int]]:
    """File name and line of every mark."""
    return marked_lines(importlib.import_module(_MODULE))


def _read_back(mark: str) -> tuple[Expected, ...]:
    """Torch copies one number through pinned memory, and waits for it."""
    return (
        Expected(mark=mark, kind="sync", fate="forbidden", code="GC101", modes=ALL, api="cudaStreamSynchronize"),
        Expected(mark=mark, kind="d2h", fate="rereads host", code="GC102", host="pinned"),
    )  # fmt: skip


AUDIT_PAIRS: tuple[AuditPair, ...] = (
    AuditPair(
        fault="UploadsNumber",
        twin="NumberBefore",
        expected=(
            Expected(mark="number", kind="h2d", fate="forbidden", code="GC105", modes=ALL, host="pageable"),
            Expected(mark="number", kind="sync", fate="forbidden", code="GC101", modes=ALL),
        ),
        headline="number",
    ),
    AuditPair(
        fault="UploadsAside",
        twin="NumberBefore",
        expected=(
            Expected(mark="aside", kind="h2d", fate="forbidden", code="GC105", modes=ALL, host="pageable"),
        ),
        headline="aside",
    ),
    AuditPair(
        fault="StagesInRegion",
        twin="NumberBefore",
        expected=(Expected(mark="staged", kind="h2d", fate="rereads host", code="GC206", host="pinned"),),
    ),
    AuditPair(
        fault="UploadsConstant",
        twin="NumberBefore",
        expected=(Expected(mark="constant", kind="h2d", fate="fixed", code=None, host="pinned"),),
    ),
    AuditPair(fault="ReadsItem", twin="StaysOnDevice", expected=_read_back("item"), headline="item"),
    AuditPair(
        fault="ReadsTensor",
        twin="StaysOnDevice",
        expected=(
            Expected(mark="cpu", kind="d2h", fate="forbidden", code="GC102", modes=ALL, host="pageable"),
        ),
        headline="cpu",
    ),
    AuditPair(
        fault="ReadsList",
        twin="StaysOnDevice",
        expected=(
            Expected(mark="list", kind="d2h", fate="forbidden", code="GC102", modes=ALL, host="pageable"),
        ),
        headline="list",
    ),
    AuditPair(fault="BranchesOnTensor", twin="StaysOnDevice", expected=_read_back("truth"), headline="truth"),
    AuditPair(fault="SelectsByMask", twin="StaysOnDevice", expected=_read_back("mask"), headline="mask"),
    AuditPair(fault="ListsNonzero", twin="StaysOnDevice", expected=_read_back("nonzero"), headline="nonzero"),
    AuditPair(
        fault="WaitsForStream",
        twin="WaitsOutside",
        expected=(Expected(mark="stream", kind="sync", fate="forbidden", code="GC101", modes=ALL),),
        headline="stream",
    ),
    AuditPair(
        fault="WaitsForEvent",
        twin="WaitsOutside",
        expected=(
            Expected(
                mark="event",
                kind="sync",
                fate="forbidden",
                code="GC101",
                modes=ALL,
                api="cudaEventSynchronize",
            ),
        ),
        headline="event",
    ),
    AuditPair(
        fault="WaitsForDevice",
        twin="WaitsOutside",
        expected=(
            Expected(
                mark="device",
                kind="sync",
                fate="forbidden",
                code="GC101",
                modes=ALL,
                api="cudaDeviceSynchronize",
            ),
        ),
        headline="device",
    ),
    AuditPair(
        fault="AsksStream",
        twin="WaitsOutside",
        expected=(Expected(mark="asked-stream", kind="query", fate="forbidden", code="GC101", modes=ALL),),
        headline="asked-stream",
    ),
    AuditPair(
        fault="AsksEvent",
        twin="WaitsOutside",
        expected=(Expected(mark="asked-event", kind="query", fate="forbidden", code="GC101", modes=STRICT),),
        headline="asked-event",
    ),
    AuditPair(
        fault="Watchdog",
        twin="RestsMeanwhile",
        expected=(
            Expected(
                mark="watched",
                kind="query",
                fate="forbidden",
                code="GC107",
                modes=("global",),
                thread="watchdog",
            ),
        ),
        headline="watched",
    ),
    AuditPair(
        fault="LoadsBeside",
        twin="RestsMeanwhile",
        expected=(
            Expected(
                mark="loaded",
                kind="alloc",
                fate="forbidden",
                code="GC107",
                modes=("global",),
                thread="loader",
            ),
        ),
        headline="loaded",
    ),
    AuditPair(
        fault="PinsInRegion",
        twin="PinsInSetup",
        expected=(Expected(mark="pinned", kind="alloc", fate="capture only", code="GC103", host="pinned"),),
    ),
    AuditPair(
        fault="EmptiesCache",
        twin="WaitsOutside",
        expected=(
            Expected(mark="emptied", kind="free", fate="harmless", code=None, reachable="no"),
            Expected(mark="taken", kind="alloc", fate="harmless", code=None),
        ),
    ),
    AuditPair(
        fault="FirstUseInCapture",
        twin="UsedBefore",
        expected=(
            Expected(
                mark="handle", kind="handle", fate="forbidden", code="GC104", modes=STRICT, api="cublasCreate"
            ),
        ),
        headline="handle",
    ),
    AuditPair(
        fault="Clears",
        twin="Overwrites",
        expected=(Expected(mark="cleared", kind="memset", fate="fixed", code=None),),
        sim_only=True,  # a card clears with a kernel
    ),
    AuditPair(
        fault="CopiesOutside",
        twin="CopiesInFork",
        expected=(Expected(mark="escaped", kind="d2d", fate="capture only", code="GC404"),),
    ),
    AuditPair(
        fault="WaitsForOutside",
        twin="CopiesInFork",
        expected=(Expected(mark="outside", kind="xstream", fate="forbidden", code="GC106", modes=ALL),),
        headline="outside",
    ),
    AuditPair(
        fault="StopsAtFirst",
        twin="StaysOnDevice",
        expected=(
            Expected(mark="guarded", kind="sync", fate="harmless", code=None, reachable="no"),
            *_read_back("first"),
            Expected(mark="later", kind="sync", fate="forbidden", code="GC101", modes=ALL),
        ),
        headline="first",
    ),
)
COLD_MODEL = f"{_MODULE}:WarmByUse"
"""Its library is set up by the first call of a process, at the line marked `cold-handle`; the warm-up is behind that."""
