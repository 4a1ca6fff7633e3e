"""Which small program must fire which rule at which line, and the repaired twin on which the rule must be silent."""

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

Place = Literal["allocation", "free", "launch"]
_PROGRAMS = "imp_graphcheck.faults.programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`fault` and `twin` are classes of `imp_graphcheck.faults.programs.<module>`.

    `lines` says which word marks the line of which site of the finding. `sim_only`: what a real card does not tell: it
    does not say which arguments a kernel writes (GC205).  `lines_sim_only`: nor where pinned memory was allocated.
    `cuda_only`: what the software GPU does not have: nodes of the driver's allocator (GC207), timings (GC603), of which
    `reps` pairs are taken.
    """

    code: str
    module: str
    fault: str
    twin: str
    lines: tuple[tuple[Place, str], ...] = ()
    sim_only: bool = False
    lines_sim_only: bool = False
    cuda_only: bool = False
    reps: int = 0
    probe: str = ""

    @property
    def fault_model(self) -> str:
        """The faulty program, as a MODEL of the command line."""
        return f"{_PROGRAMS}.{self.module}:{self.fault}"

    @property
    def twin_model(self) -> str:
        """The repaired program, as a MODEL of the command line."""
        return f"{_PROGRAMS}.{self.module}:{self.twin}"

    def expected_lines(self) -> dict[Place, tuple[str, int]]:
        """File name and line number that each site must have."""
        marked = marked_lines(importlib.import_module(f"{_PROGRAMS}.{self.module}"))
        return {place: marked[word] for place, word in self.lines}


def marked_lines(module: ModuleType) -> dict[str, tuple[str, int]]:
    """File name and number of the lines of `module` that end in `# MARK word`, by that word."""
    source = Path(inspect.getsourcefile(module) or "")
    return {
        line.rpartition("# MARK ")[2].strip(): (source.name, number)
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1)
        if "# MARK " in line
    }


PAIRS: tuple[Pair, ...] = (
    Pair(
        code="GC101", module="captures", fault="ReadsBack", twin="StaysOnDevice", lines=(("launch", "item"),)
    ),
    Pair(
        code="GC104",
        module="captures",
        fault="FirstUseInCapture",
        twin="Prewarmed",
        lines=(("launch", "library"),),
    ),
    Pair(
        code="GC105",
        module="captures",
        fault="UploadsInCapture",
        twin="UploadedBefore",
        lines=(("launch", "upload"),),
    ),
    Pair(code="GC106", module="captures", fault="UnjoinedFork", twin="JoinedFork"),
    Pair(
        code="GC108",
        module="captures",
        fault="OwnGenerator",
        twin="DrawnBefore",
        lines=(("launch", "generator"),),
    ),
    Pair(
        code="GC109",
        module="captures",
        fault="RaisesInCapture",
        twin="StaysOnDevice",
        lines=(("launch", "raise"),),
    ),
    Pair(
        code="GC201",
        module="lifetimes",
        fault="FreedInput",
        twin="KeptInput",
        lines=(("allocation", "freed-allocated"), ("free", "freed-freed"), ("launch", "freed-launched")),
    ),
    Pair(
        code="GC201",
        module="lifetimes",
        fault="GrownWorkspace",
        twin="ReservedWorkspace",
        lines=(("free", "grown-freed"),),
    ),
    Pair(
        code="GC202",
        module="lifetimes",
        fault="UnmappedInput",
        twin="MappedInput",
        lines=(("allocation", "unmapped-allocated"), ("free", "unmapped-freed")),
    ),
    Pair(
        code="GC203",
        module="lifetimes",
        fault="ReplacedWeight",
        twin="RefilledWeight",
        lines=(("allocation", "replaced-allocated"),),
    ),
    Pair(
        code="GC205",
        module="lifetimes",
        fault="ScratchFromCapture",
        twin="ScratchFromSetup",
        lines=(("allocation", "scratch-allocated"),),
        sim_only=True,
    ),
    Pair(
        code="GC206",
        module="lifetimes",
        fault="RecycledPinnedSource",
        twin="KeptPinnedSource",
        lines=(("allocation", "pinned-allocated"),),
        lines_sim_only=True,
    ),
    Pair(
        code="GC207",
        module="owned",
        fault="LeakedScratch",
        twin="FreedScratch",
        cuda_only=True,
    ),
    Pair(
        code="GC208",
        module="tables",
        fault="DroppedExpert",
        twin="KeptExperts",
        lines=(("allocation", "expert-allocated"), ("free", "expert-freed"), ("launch", "table-read")),
    ),
    Pair(
        code="GC301", module="drift", fault="FrozenScalar", twin="DeviceScalar", lines=(("launch", "scalar"),)
    ),
    Pair(
        code="GC302",
        module="drift",
        fault="FrozenGeometry",
        twin="MaskedGeometry",
        lines=(("launch", "geometry"),),
    ),
    Pair(
        code="GC303", module="drift", fault="FrozenBranch", twin="KeyedBranch", lines=(("launch", "branch"),)
    ),
    Pair(
        code="GC304",
        module="drift",
        fault="FrozenPointer",
        twin="GatheredState",
        lines=(("launch", "pointer"),),
    ),
    Pair(code="GC305", module="drift", fault="FrozenCopy", twin="WholeCopy", lines=(("launch", "copy"),)),
    Pair(
        code="GC306", module="drift", fault="FrozenScalar", twin="KeyedBranch", lines=(("launch", "scalar"),)
    ),
    Pair(code="GC502", module="drift", fault="FrozenBias", twin="DeviceBias", lines=(("launch", "bias"),)),
    Pair(
        code="GC402",
        module="padded",
        fault="ScaledOverPadding",
        twin="ScaledOverRows",
        probe="padding",
    ),
    Pair(
        code="GC403",
        module="ahead",
        fault="OneStagingBuffer",
        twin="GuardedStagingBuffer",
        lines=(("launch", "upload"),),
        probe="delay",
    ),
    Pair(
        code="GC404",
        module="captures",
        fault="EscapingStream",
        twin="ForkedStream",
        lines=(("launch", "escape"),),
    ),
    Pair(code="GC405", module="captures", fault="StateAtCapture", twin="StateInGraph"),
    Pair(code="GC603", module="gain", fault="PaddedFar", twin="FittingBucket", cuda_only=True, reps=5),
)
