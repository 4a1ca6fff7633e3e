"""Reads a trace that the injection library wrote (library/trace_format.h), whole or of a process that was killed."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imp_graphcheck.errors import UsageError

MAGIC = b"IMPGCTRC"
VERSION = 1

_HEADER = struct.Struct("<8sIIQQIIQQIiIIQQQQ256s1024s1024s")
_BLOCK = struct.Struct("<II")
_NAME = struct.Struct("<II")
_MODULE = struct.Struct("<QQQII32s")
_STACK = struct.Struct("<II")
_THREAD = struct.Struct("<II16s")
_DETAILS = "QQQQBBBBI"
_CALL = struct.Struct("<QQIIIiIIiBBBBQ" + _DETAILS)
_TALLY = struct.Struct("<QQQQIIIi" + _DETAILS)

_UNFINISHED = 0x80000000
_NAME_KIND, _MODULE_KIND, _STACK_KIND, _CALL_KIND, _TALLY_KIND, _THREAD_KIND = range(1, 7)
_STATES = ("starting", "tracing", "blind")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """`state` is `blind` where nothing could be traced, and `problem` says why. `dropped_*` count calls."""

    pid: int
    parent_pid: int
    started_monotonic_ns: int
    started_realtime_ns: int
    limit: int
    state: str
    cupti_result: int
    cupti_version: int
    driver_version: int
    dropped_blocks: int
    dropped_stacks: int
    dropped_tallies: int
    forks: int
    problem: str
    executable: str
    cupti_path: str


@dataclass(frozen=True, slots=True)
class Module:
    """A program or library that was loaded. An address of its file is an address in memory less `base`."""

    path: str
    base: int
    start: int
    end: int
    build_id: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Return addresses, innermost first. `modules` is how many modules had been written down before it."""

    addresses: tuple[int, ...]
    modules: int


@dataclass(frozen=True, slots=True)
class Thread:
    tid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.tid})"


@dataclass(frozen=True, slots=True)
class Details:
    """What the arguments said. Directions and kinds of memory are the numbers of trace_format.h."""

    stream: int
    bytes: int
    source: int
    target: int
    direction: int
    source_memory: int
    target_memory: int
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCall:
    """One call that failed, or was made while any stream was being captured. `end_ns` is 0 if it never returned."""

    begin_ns: int
    end_ns: int
    name: str
    thread: int
    stack: int
    result: int
    inner_name: str
    inner_result: int
    status_before: int
    status_after: int
    thread_mode: int
    capture_id: int
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Calls like each other, made while nothing was captured. `details` are those of the first one."""

    first_ns: int
    last_ns: int
    count: int
    bytes: int
    name: str
    thread: int
    stack: int
    details: Details


@dataclass(slots=True)
class Trace:
    """All of one file. `damaged` counts blocks that a dying thread left unfinished."""

    header: TraceHeader
    names: dict[int, str] = field(default_factory=dict)
    modules: list[Module] = field(default_factory=list)
    stacks: dict[int, Stack] = field(default_factory=dict)
    threads: dict[int, Thread] = field(default_factory=dict)
    calls: list[TracedCall] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    damaged: int = 0


def read_trace(path: Path) -> Trace:
    """Raises UsageError for a file that is no trace."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    header = _read_header(path, data)
    trace = Trace(header)
    for kind, body in _blocks(data, trace):
        _READERS[kind](trace, body)
    trace.calls.sort(key=lambda call: call.begin_ns)
    return trace


def _read_header(path: Path, data: bytes) -> TraceHeader:
    if len(data) < _HEADER.size or data[: len(MAGIC)] != MAGIC:
        raise UsageError(f"{path} is not a trace of imp-graphcheck")
    fields = _HEADER.unpack_from(data)
    if fields[1] != VERSION:
        raise UsageError(f"{path} is a trace of version {fields[1]}, and this tool reads version {VERSION}")
    return TraceHeader(
        limit=fields[4],
        pid=fields[5],
        parent_pid=fields[6],
        started_monotonic_ns=fields[7],
        started_realtime_ns=fields[8],
        state=_STATES[fields[9]] if fields[9] < len(_STATES) else "starting",
        cupti_result=fields[10],
        cupti_version=fields[11],
        driver_version=fields[12],
        dropped_blocks=fields[13],
        dropped_stacks=fields[14],
        dropped_tallies=fields[15],
        forks=fields[16],
        problem=_text(fields[17]),
        executable=_text(fields[18]),
        cupti_path=_text(fields[19]),
    )


def _blocks(data: bytes, trace: Trace) -> Iterator[tuple[int, bytes]]:
    """Kind and content of every finished block. What is not a block ends the file, but for zeros: space that a thread
    took and did not even mark as taken before it died.
    """
    start: int = _HEADER.unpack_from(data)[2]
    while start + _BLOCK.size <= len(data):
        kind, size = _BLOCK.unpack_from(data, start)
        if kind == 0 and size == 0:
            start = _next_block(data, start)
            continue
        if size < _BLOCK.size or size % 8 or start + size > len(data):
            trace.damaged += 1
            return
        if kind & _UNFINISHED:
            trace.damaged += 1
        elif kind in _READERS and size - _BLOCK.size >= _LEAST[kind]:
            yield kind, data[start + _BLOCK.size : start + size]
        else:
            trace.damaged += 1
        start += size


def _next_block(data: bytes, start: int) -> int:
    """Where the zeros from `start` on end, in steps of 8 bytes."""
    step = 1 << 16
    while start < len(data):
        rest = data[start : start + step]
        zeros = len(rest) - len(rest.lstrip(b"\0"))
        if zeros < len(rest):
            return start + zeros // 8 * 8
        start += len(rest)
    return start


def _read_name(trace: Trace, body: bytes) -> None:
    number, _domain = _NAME.unpack_from(body)
    trace.names[number] = _text(body[_NAME.size :])


def _read_module(trace: Trace, body: bytes) -> None:
    base, start, end, size, _, build_id = _MODULE.unpack_from(body)
    trace.modules.append(
        Module(_text(body[_MODULE.size :]), base, start, end, build_id[: min(size, len(build_id))].hex())
    )


def _read_stack(trace: Trace, body: bytes) -> None:
    number, depth = _STACK.unpack_from(body)
    depth = min(depth, (len(body) - _STACK.size) // 8)
    addresses = struct.unpack_from(f"<{depth}Q", body, _STACK.size)
    trace.stacks[number] = Stack(addresses, len(trace.modules))


def _read_thread(trace: Trace, body: bytes) -> None:
    index, tid, name = _THREAD.unpack_from(body)
    trace.threads[index] = Thread(tid, _text(name))


def _read_call(trace: Trace, body: bytes) -> None:
    f = _CALL.unpack_from(body)
    trace.calls.append(
        TracedCall(
            begin_ns=f[0],
            end_ns=f[1],
            name=trace.names.get(f[2], ""),
            thread=f[3],
            stack=f[4],
            result=f[5],
            inner_name=trace.names.get(f[7], ""),
            inner_result=f[8],
            status_before=f[9],
            status_after=f[10],
            thread_mode=f[11],
            capture_id=f[13],
            details=Details(*f[14:22]),
        )
    )


def _read_tally(trace: Trace, body: bytes) -> None:
    f = _TALLY.unpack_from(body)
    trace.tallies.append(
        Tally(
            first_ns=f[0],
            last_ns=f[1],
            count=f[2],
            bytes=f[3],
            name=trace.names.get(f[4], ""),
            thread=f[5],
            stack=f[6],
            details=Details(*f[8:16]),
        )
    )


_READERS = {
    _NAME_KIND: _read_name,
    _MODULE_KIND: _read_module,
    _STACK_KIND: _read_stack,
    _CALL_KIND: _read_call,
    _TALLY_KIND: _read_tally,
    _THREAD_KIND: _read_thread,
}
_LEAST = {
    _NAME_KIND: _NAME.size,
    _MODULE_KIND: _MODULE.size,
    _STACK_KIND: _STACK.size,
    _CALL_KIND: _CALL.size,
    _TALLY_KIND: _TALLY.size,
    _THREAD_KIND: _THREAD.size,
}


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", errors="replace")
