"""What an ELF file says of its own code: functions by address, its build id, whether it knows source lines.

Enough for files of 64 bits, little-endian, which is what CUDA runs on. A symbol covers the bytes that it claims and no
more: the nearest name below an address in a stripped library is the name of something else.
"""

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_LINES = (".debug_line", ".zdebug_line", ".gnu_debuglink")
_GNU_BUILD_ID = 3


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    offset: int
    size: int
    link: int


@dataclass(slots=True)
class ElfFile:
    """`has_lines`: addr2line is worth asking."""

    build_id: str = ""
    has_lines: bool = False
    _values: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    _ends: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    _names: list[str] = field(default_factory=list)

    def function_at(self, address: int) -> str:
        """The function whose code `address` is in, as the linker spells it; empty if no symbol covers it."""
        at = int(np.searchsorted(self._values, address, side="right")) - 1
        # Of several names for one place any will do, but a short symbol may lie inside a long one.
        for each in range(at, max(-1, at - 8), -1):
            if address < self._ends[each]:
                return self._names[each]
        return ""


def read_elf(path: Path) -> ElfFile:
    """Raises OSError for a file that cannot be read, ValueError for one that is not ELF of this kind."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is not an ELF file of 64 bits")
        try:
            return _read(data)
        except (struct.error, IndexError, OverflowError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error


def _read(data: mmap.mmap) -> ElfFile:
    sections = _sections(data)
    elf = ElfFile(
        build_id=_build_id(data, sections),
        has_lines=any(section.name in _LINES for section in sections),
    )
    # .symtab has all that .dynsym has, and the functions that are not exported; stripping takes it away.
    for name in (".symtab", ".dynsym"):
        for section in sections:
            if section.name == name and section.link < len(sections):
                _read_symbols(data, section, sections[section.link], elf)
                return elf
    return elf


def _sections(data: mmap.mmap) -> list[_Section]:
    (offset,) = struct.unpack_from("<Q", data, 40)
    size, count, names_at = struct.unpack_from("<HHH", data, 58)
    raw = [_SECTION.unpack_from(data, offset + index * size) for index in range(count)]
    if not raw:
        return []
    names = raw[names_at]
    text = data[names[4] : names[4] + names[5]]
    return [_Section(_string(text, each[0]), each[4], each[5], each[6]) for each in raw]


def _build_id(data: mmap.mmap, sections: list[_Section]) -> str:
    for section in sections:
        if section.name == ".note.gnu.build-id":
            name_bytes, size, kind = struct.unpack_from("<III", data, section.offset)
            if kind == _GNU_BUILD_ID:
                start = section.offset + 12 + (name_bytes + 3) // 4 * 4
                return data[start : start + size].hex()
    return ""


def _read_symbols(data: mmap.mmap, table: _Section, strings: _Section, elf: ElfFile) -> None:
    symbols: NDArray[Any] = np.frombuffer(
        data[table.offset : table.offset + table.size // _SYMBOL.itemsize * _SYMBOL.itemsize], dtype=_SYMBOL
    )
    kinds = symbols["info"] & 15
    functions = symbols[np.isin(kinds, _FUNCTIONS) & (symbols["value"] != 0) & (symbols["section"] != 0)]
    functions = functions[np.argsort(functions["value"], kind="stable")]
    text = data[strings.offset : strings.offset + strings.size]
    elf._values = functions["value"].copy()
    elf._ends = functions["value"] + functions["size"]
    elf._names = [_string(text, int(offset)) for offset in functions["name"]]


def _string(text: bytes, offset: int) -> str:
    return text[offset : text.index(b"\0", offset)].decode("utf-8", errors="replace")
