"""From return addresses to functions and source lines, after the program has ended.

The ELF file names functions, addr2line names lines, one process for all addresses of a module. Without addr2line, or
without line numbers in the module, what is left is the function or the module and offset, and `notes` says so.
"""

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from imp_graphcheck.inject.elf import ElfFile, read_elf
from imp_graphcheck.inject.trace_file import Module, Stack, Trace

_ADDR2LINE = ("addr2line", "llvm-addr2line")
_FILTERS = ("c++filt", "llvm-cxxfilt")
_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeFrame:
    """`line` is 0 where no source line is known; then `file` is empty. `function` is empty where it has no name."""

    function: str
    file: str
    line: int
    module: str
    offset: int

    @property
    def place(self) -> str:
        """Where it is, in the best words there are."""
        return self.file if self.line else f"{Path(self.module).name or '?'}+{self.offset:#x}"


@dataclass(slots=True)
class Symbols:
    """`frames` by the number of the stack, innermost first, inlined functions as frames of their own."""

    frames: dict[int, tuple[NativeFrame, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def symbolise(trace: Trace, stacks: Iterable[int]) -> Symbols:
    """The frames of those stacks of the trace."""
    symbols = Symbols()
    wanted = {number: trace.stacks[number] for number in set(stacks) if number in trace.stacks}
    addresses: dict[Module, set[int]] = defaultdict(set)
    for stack in wanted.values():
        for address in stack.addresses:
            module = _module_of(trace, stack, address)
            if module is not None:
                addresses[module].add(_offset(module, address))
    named = {module: _name(module, offsets, symbols) for module, offsets in addresses.items()}
    for number, stack in wanted.items():
        symbols.frames[number] = tuple(
            frame
            for address in stack.addresses
            for frame in _frames_at(_module_of(trace, stack, address), address, named)
        )
    return symbols


def _module_of(trace: Trace, stack: Stack, address: int) -> Module | None:
    """The last one that was loaded there before the stack was seen: another may have been there before it."""
    for module in reversed(trace.modules[: stack.modules]):
        if module.start <= address < module.end:
            return module
    return None


def _offset(module: Module, address: int) -> int:
    """Of the call, not of what follows it: a return address may belong to the next line, or the next function."""
    return address - module.base - 1


def _frames_at(
    module: Module | None, address: int, named: dict[Module, dict[int, tuple[NativeFrame, ...]]]
) -> tuple[NativeFrame, ...]:
    if module is None:
        return (NativeFrame(function="", file="", line=0, module="", offset=address),)
    return named[module][_offset(module, address)]


def _name(module: Module, offsets: set[int], symbols: Symbols) -> dict[int, tuple[NativeFrame, ...]]:
    elf = _open(module, symbols)
    by_symbol = {offset: elf.function_at(offset) for offset in offsets}
    readable = _demangle(set(by_symbol.values()))
    frames: dict[int, tuple[NativeFrame, ...]] = {
        offset: (
            NativeFrame(
                function=readable.get(name, name), file="", line=0, module=module.path, offset=offset
            ),
        )
        for offset, name in by_symbol.items()
    }
    if elf.has_lines:
        frames |= _lines(module, sorted(offsets), symbols)
    return frames


def _open(module: Module, symbols: Symbols) -> ElfFile:
    try:
        elf = read_elf(Path(module.path))
    except (OSError, ValueError):
        # linux-vdso.so.1 is no file at all. Its addresses stay module and offset, which is what is known of them.
        return ElfFile()
    if module.build_id and elf.build_id and not elf.build_id.startswith(module.build_id):
        symbols.notes.append(f"{module.path} is another build than the one that ran: its lines are not known")
        return ElfFile()
    return elf


def _lines(module: Module, offsets: list[int], symbols: Symbols) -> dict[int, tuple[NativeFrame, ...]]:
    """What addr2line knows. An address that it knows no line of is left out."""
    tool = _first(_ADDR2LINE)
    if tool is None:
        note = "addr2line is not installed (binutils): places are functions and offsets, not source lines"
        if note not in symbols.notes:
            symbols.notes.append(note)
        return {}
    text = "".join(f"{offset:#x}\n" for offset in offsets)
    try:
        run = subprocess.run(
            [tool, "-a", "-f", "-C", "-i", "-e", module.path],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        symbols.notes.append(f"{tool} did not come to an end with {module.path} in {_SECONDS:g} s")
        return {}
    if run.returncode != 0:
        symbols.notes.append(f"{tool} failed with {module.path}: {run.stderr.strip()[:200]}")
    return dict(_parse(module, run.stdout))


def _parse(module: Module, output: str) -> Iterable[tuple[int, tuple[NativeFrame, ...]]]:
    """Blocks of a line "0x..." and pairs of lines: function, file:line; inlined functions come first."""
    lines = output.splitlines()
    at = 0
    while at < len(lines):
        offset = int(lines[at], 16)
        at += 1
        frames: list[NativeFrame] = []
        while at + 1 < len(lines) and not lines[at].startswith("0x"):
            function, (file, line) = lines[at], _split(lines[at + 1])
            frames.append(
                NativeFrame(
                    function="" if function == "??" else function,
                    file=file,
                    line=line,
                    module=module.path,
                    offset=offset,
                )
            )
            at += 2
        if frames and frames[-1].line:
            yield offset, tuple(frames)


def _split(place: str) -> tuple[str, int]:
    """ "/a/b.cu:12 (discriminator 3)"; "??:0" and "??:?" where nothing is known."""
    file, _, line = place.partition(" (discriminator")[0].rpartition(":")
    known = file != "??" and line.isdigit() and int(line) > 0
    return (os.path.normpath(file), int(line)) if known else ("", 0)


def _demangle(names: set[str]) -> dict[str, str]:
    mangled = sorted(name for name in names if name.startswith("_Z"))
    tool = _first(_FILTERS)
    if not mangled or tool is None:
        return {}
    run = subprocess.run(
        [tool], input="\n".join(mangled) + "\n", capture_output=True, text=True, errors="replace", check=False
    )
    return dict(zip(mangled, run.stdout.splitlines(), strict=False)) if run.returncode == 0 else {}


def _first(tools: tuple[str, ...]) -> str | None:
    return next((tool for tool in tools if shutil.which(tool)), None)
