"""Dispatch modes see every operator, and import no compiler for it."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import torch
from imp_graphcheck.device.op_trace import OpTrace
from imp_graphcheck.device.stack import site_of
if {compiler}:
    import torch._dynamo
with OpTrace("cpu") as trace:
    x = torch.ones(4) * 2
print([launch.op for launch in trace.launches])
print([len(launch.stack[0]) for launch in trace.launches] if not {compiler} else "-")
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize("compiler", [False, True])
def test_the_compiler_is_imported_by_programs_only(compiler: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(compiler=compiler)], capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    operators, frames, imported = done.stdout.splitlines()
    assert operators == "['aten.ones.default', 'aten.mul.Tensor']"
    assert imported == str(compiler)
    if not compiler:
        assert frames == "[1, 1]", "the stack of an operator begins at the line that called it"
