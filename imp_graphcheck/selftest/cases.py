"""What is run: pairs of plain programs, and the engine with and without imp's mistakes."""

from dataclasses import dataclass

from imp_graphcheck.faults.pairs import PAIRS, Place

ENGINE_MODEL = "qwen3-tiny"
ENGINE_FAULTS = (
    ("GC202", "per-call-scratch"),
    ("GC301", "baked-q-offset"),
    ("GC408", "skipped-first-replay"),
    ("GC602", "recapture-every-call"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault and its clean twin. Models are words of the command line; `fault_option` is `--fault`'s."""

    code: str
    fault: str
    twin: str
    fault_model: str
    twin_model: str
    fault_option: str | None = None
    lines: dict[Place, tuple[str, int]] | None = None
    also: tuple[str, ...] = ()
    """Other codes that say the same: memory that was unmapped may be mapped again by the time somebody looks."""
    sim_only: bool = False
    lines_sim_only: bool = False
    cuda_only: bool = False
    reps: int = 0


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
        )
        for pair in PAIRS
    )
    engine = (
        Case(
            code=code,
            fault=f"{ENGINE_MODEL} --fault {fault}",
            twin=ENGINE_MODEL,
            fault_model=ENGINE_MODEL,
            twin_model=ENGINE_MODEL,
            fault_option=fault,
            also=("GC201",) if code == "GC202" else (),
        )
        for code, fault in ENGINE_FAULTS
    )
    return (*plain, *engine)
