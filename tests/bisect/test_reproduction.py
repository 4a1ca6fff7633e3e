"""Standalone programs: short, filled with the figures of the finding, and each shows its code as it stands."""

import ast
from collections.abc import Callable

import pytest

from imp_graphcheck.bisect.reproduction import MAX_LINES, TEMPLATES, written
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.run import Run, Target
from imp_graphcheck.record.site import Site

Check = Callable[..., Run]
AT = Site(file="engine.py", line=7, function="scratch")


def finding(code: str, message: str = "", at: Site | None = None) -> Finding:
    return Finding(code=code, severity="error", confidence="confirmed", message=message, allocation_site=at)


def run_with(*memory: Allocation) -> Run:
    target = Target(name="model", kind="shape", device="sim")
    return Run(
        id="run", command=(), tool_version="0", started_at="", environment={}, target=target, memory=memory
    )


def constants(text: str) -> dict[str, object]:
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant | ast.UnaryOp)
    }


@pytest.mark.parametrize("code", TEMPLATES)
def test_each_program_shows_its_code(
    check: Check, code: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = written(finding(code), [run_with()])
    assert text is not None
    assert len(text.splitlines()) <= MAX_LINES
    file = tmp_path_factory.mktemp("reproduction") / f"{code.lower()}_reproduction.py"
    file.write_text(text)
    run = check(f"{file}:target", probe=TEMPLATES[code].probe, reps=0)
    assert code in {found.code for found in run.findings}


def test_the_size_is_that_of_the_memory() -> None:
    memory = Allocation(generation=1, address=0x1000, size_bytes=35584, allocation_site=AT)
    other = Allocation(generation=2, address=0x9000, size_bytes=99999, allocation_site=None)
    text = written(finding("GC201", at=AT), [run_with(memory, other)])
    assert text is not None
    assert constants(text) == {"SIZE_BYTES": 35584, "UNMAPPED": False}


def test_memory_that_is_unmapped_has_a_mapping_of_its_own() -> None:
    memory = Allocation(generation=1, address=0x1000, size_bytes=35584, allocation_site=AT)
    text = written(finding("GC202", at=AT), [run_with(memory)])
    assert text is not None
    assert constants(text) == {"SIZE_BYTES": 32 << 20, "UNMAPPED": True}


def test_the_numbers_are_the_callers_own() -> None:
    text = written(finding("GC301", "other 7 -> 9 when q_offset 0 -> 192, context 64 -> 256"), [run_with()])
    assert text is not None
    assert constants(text) == {"BEFORE": 0, "AFTER": 192}


def test_the_command_in_it_is_whole() -> None:
    text = written(finding("GC403"), [run_with()])
    assert text is not None
    assert "imp-graphcheck capture reproduction.py:target --device sim --probe delay" in text


def test_no_program_for_what_cannot_be_shown_small() -> None:
    assert written(finding("GC501"), [run_with()]) is None
