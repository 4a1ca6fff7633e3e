"""What is run: pairs of plain programs, and the engine with and without imp's mistakes."""

import sys
from dataclasses import dataclass
from typing import cast

from imp_graphcheck.faults import ENGINE_FAULTS, EngineFault
from imp_graphcheck.faults.pairs import PAIRS, Place, marked_lines

ENGINE_MODEL = "qwen3-tiny"
_ALSO: dict[str, tuple[str, ...]] = {
    "GC202": ("GC201",),
    "GC302": ("GC301", "GC303", "GC305"),
}
"""Other codes that say the same: memory that was unmapped may be mapped again by the time somebody looks, and which
kernels a library takes for another size is its own affair.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault and its clean twin. Models are words of the command line; `fault_option` is `--fault`'s."""

    code: str
    fault: str
    twin: str
    fault_model: str
    twin_model: str
    fault_option: str | None = None
    probe: str = ""
    """The intervention that shows it, as `capture --probe` takes it."""
    lines: dict[Place, tuple[str, int]] | None = None
    also: tuple[str, ...] = ()
    """Other codes that say the same."""
    sim_only: bool = False
    lines_sim_only: bool = False
    cuda_only: bool = False
    reps: int = 0

    @property
    def is_timed(self) -> bool:
        """Whether both arms are timed against each other."""
        return self.reps > 0


def cases() -> tuple[Case, ...]:
    """Every case, the plain programs first."""
    plain = (
        Case(
            code=pair.code,
            fault=pair.fault,
            twin=pair.twin,
            fault_model=pair.fault_model,
            twin_model=pair.twin_model,
            lines=pair.expected_lines() or None,
            sim_only=pair.sim_only,
            lines_sim_only=pair.lines_sim_only,
            cuda_only=pair.cuda_only,
            reps=pair.reps,
            probe=pair.probe,
        )
        for pair in PAIRS
    )
    engine = (
        Case(
            code=fault.code,
            fault=f"{ENGINE_MODEL} --fault {fault.name}",
            twin=ENGINE_MODEL,
            fault_model=ENGINE_MODEL,
            twin_model=ENGINE_MODEL,
            fault_option=fault.name,
            probe=getattr(fault, "probe", ""),
            also=_ALSO.get(fault.code, ()),
            lines=_lines(fault) or None,
            # A card does not tell where pinned memory was allocated.
            lines_sim_only=fault.code == "GC206",
        )
        for fault in ENGINE_FAULTS.values()
    )
    return (*plain, *engine)


def _lines(fault: EngineFault) -> dict[Place, tuple[str, int]]:
    """The lines that the finding must name, where they are the fault's own."""
    return cast("dict[Place, tuple[str, int]]", marked_lines(sys.modules[type(fault).__module__]))
