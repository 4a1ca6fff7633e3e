"""From addresses to functions and lines, and what is said where that is not possible."""

import shutil
import subprocess
from pathlib import Path

import pytest

from imp_graphcheck.inject import symbols as symbols_module
from imp_graphcheck.inject.elf import read_elf
from imp_graphcheck.inject.symbols import NativeFrame, Symbols, symbolise
from imp_graphcheck.inject.trace_file import Module, Stack, Trace, read_trace
from tests.inject.conftest import RunTrial
from tests.inject.toolchain import compile_trial, written


def frames_of(trace: Trace) -> tuple[Symbols, tuple[NativeFrame, ...]]:
    stack = trace.calls[0].stack
    found = symbolise(trace, [stack])
    return found, found.frames[stack]


@pytest.mark.parametrize("options", [(), ("-no-pie", "-fno-pie")], ids=["pie", "no-pie"])
def test_lines_of_a_program_wherever_it_is_loaded(
    run_trial: RunTrial, tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...]
) -> None:
    program = compile_trial(tmp_path_factory.mktemp("program") / "trial", *options)
    found, frames = frames_of(run_trial("plain", program=program))

    assert ("innermost", written()["innermost"]) in [
        (frame.function.rpartition("::")[2].partition("(")[0], frame.line) for frame in frames
    ]
    assert found.notes == []


def test_inlined_functions_are_frames_of_their_own(
    run_trial: RunTrial, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = compile_trial(
        tmp_path_factory.mktemp("program") / "trial", "-O2", "-Dnoinline=always_inline", "-Wno-error"
    )
    _, frames = frames_of(run_trial("plain", program=program))

    lines = [frame.line for frame in frames if frame.file.endswith("trial.cpp")]
    assert lines[1:3] == [written()["innermost"], written()["middle"]]


def test_a_stripped_program_is_left_with_offsets(
    run_trial: RunTrial, trial_program: Path, tmp_path: Path
) -> None:
    stripped = tmp_path / "bare"
    subprocess.run(["strip", "-o", stripped, trial_program], check=True)
    _, frames = frames_of(run_trial("plain", program=stripped))

    own = [frame for frame in frames if frame.module == str(stripped)]
    assert own
    assert {(frame.function, frame.line) for frame in own} == {("", 0)}
    assert own[0].place == f"bare+{own[0].offset:#x}"


def test_without_line_numbers_functions_are_named_by_symbols(
    run_trial: RunTrial, trial_program: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "no-lines"
    subprocess.run(["strip", "--strip-debug", "-o", bare, trial_program], check=True)
    _, frames = frames_of(run_trial("plain", program=bare))

    names = [frame.function for frame in frames]
    assert "(anonymous namespace)::innermost(unsigned long)" in names
    assert all(frame.line == 0 for frame in frames if frame.module == str(bare))


def test_without_addr2line_it_is_said(run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = run_trial("plain")
    real = shutil.which
    monkeypatch.setattr(
        symbols_module.shutil, "which", lambda tool: None if "addr2line" in tool else real(tool)
    )
    found, frames = frames_of(trace)

    assert found.notes == [
        "addr2line is not installed (binutils): places are functions and offsets, not source lines"
    ]
    assert "(anonymous namespace)::innermost(unsigned long)" in [frame.function for frame in frames]


def test_a_program_that_was_built_again_is_not_trusted(
    run_trial: RunTrial, trial_program: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copy(trial_program, copy)
    trace = run_trial("plain", program=copy)
    if not trace.modules[0].build_id:
        pytest.skip("this linker writes no build ids")
    compile_trial(copy, "-DANOTHER", "-O2")
    found, frames = frames_of(trace)

    assert found.notes == [f"{copy} is another build than the one that ran: its lines are not known"]
    assert all(frame.line == 0 for frame in frames if frame.module == str(copy))


def test_the_module_that_was_there_at_the_time_names_the_address(trial_program: Path, tmp_path: Path) -> None:
    """A library was unloaded, and another one lies where it was."""
    trace = _bare_trace(tmp_path, trial_program)
    here = Module("/old/library.so", 0x1000, 0x1000, 0x9000, "")
    later = Module("/new/library.so", 0x1000, 0x1000, 0x9000, "")
    trace.modules[:] = [here, later]
    trace.stacks.clear()
    trace.stacks[1] = Stack((0x2001,), 1)
    trace.stacks[2] = Stack((0x2001,), 2)

    frames = symbolise(trace, [1, 2]).frames
    assert frames[1][0].place == "library.so+0x1000"
    assert (frames[1][0].module, frames[2][0].module) == ("/old/library.so", "/new/library.so")


def test_an_address_in_no_module_stays_an_address(trial_program: Path, tmp_path: Path) -> None:
    trace = _bare_trace(tmp_path, trial_program)
    trace.stacks[9] = Stack((0x10,), 0)

    assert symbolise(trace, [9]).frames[9][0].place == "?+0x10"


def test_a_symbol_covers_its_own_bytes_and_no_more(tmp_path: Path, trial_program: Path) -> None:
    elf = read_elf(trial_program)
    nm = subprocess.run(["nm", "-S", trial_program], capture_output=True, text=True, check=True).stdout
    (row,) = [line.split() for line in nm.splitlines() if line.endswith(" main")]
    start, size = int(row[0], 16), int(row[1], 16)

    assert elf.function_at(start) == elf.function_at(start + size - 1) == "main"
    assert elf.function_at(start + size) != "main"
    assert elf.function_at(0) == ""
    assert elf.has_lines


@pytest.mark.parametrize("content", [b"#!/bin/sh\n" + bytes(100), b"\x7fELF\x02\x01" + b"\xff" * 80])
def test_what_is_no_elf_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)

    with pytest.raises(ValueError, match=r"is not an ELF file of 64 bits|is damaged"):
        read_elf(file)


def _bare_trace(folder: Path, program: Path) -> Trace:
    subprocess.run([program, "plain", folder], check=True)
    (path,) = folder.glob("*.trace")
    return read_trace(path)
