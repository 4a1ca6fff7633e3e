"""From the word on the command line to a program."""

from pathlib import Path

from imp_engine.shapes import SHAPES
from imp_graphcheck.errors import UsageError
from imp_graphcheck.target.engine import EngineProgram, Workload
from imp_graphcheck.target.factory import FactoryProgram
from imp_graphcheck.target.program import Program


def resolve(model: str, *, workload: Workload, dtype: str | None, seed: int, fault: str | None) -> Program:
    """MODEL: a checkpoint directory, `module:factory` or `file.py:factory`, or the name of a shape.

    Raises UsageError when it is none of them, or when a fault is asked for that the program cannot have.
    """
    if Path(model).is_dir():
        return EngineProgram(model, "checkpoint", workload, dtype=dtype, seed=seed, fault=fault)
    if ":" in model:
        if fault is not None:
            raise UsageError(
                f"--fault {fault}: faults are mistakes of the reference engine, and {model} is another program.",
                hint="use --fault with a checkpoint directory or a shape such as qwen3-moe-tiny",
            )
        return FactoryProgram(model)
    if model in SHAPES:
        return EngineProgram(model, "shape", workload, dtype=dtype, seed=seed, fault=fault)
    raise UsageError(
        f"{model}: no such directory, and no shape of that name.",
        hint=f"shapes are {', '.join(SHAPES)}; a program of your own is FILE.py:FACTORY",
    )
