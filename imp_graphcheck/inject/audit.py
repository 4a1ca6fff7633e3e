"""An audit of a process: run a command under the injection library, read what it wrote, and say what it means."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imp_graphcheck.child.ending import describe_exit
from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject.build import build_library
from imp_graphcheck.inject.cupti import find_libraries
from imp_graphcheck.inject.frames import Own
from imp_graphcheck.inject.launch import DEFAULT_TRACE_BYTES, environment_for, run_command
from imp_graphcheck.inject.merge import merge_sites
from imp_graphcheck.inject.sites import Places, count_launches, find_headline, find_sites, stacks_that_matter
from imp_graphcheck.inject.symbols import symbolise
from imp_graphcheck.inject.trace_file import Trace, read_trace
from imp_graphcheck.inject.windows import find_windows
from imp_graphcheck.record.audit import AuditSite, Headline


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessAudit:
    """What goes into an Audit. `returncode` is the command's own, negative for a signal."""

    returncode: int
    sites: tuple[AuditSite, ...] = ()
    headline: Headline | None = None
    traced_by: str = ""
    status: Literal["complete", "partial", "failed"] = "complete"
    status_reason: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    captures: int = 0
    graph_launches: int = 0
    seconds: float = 0.0


def audit_process(
    command: Sequence[str],
    *,
    directory: Path | None = None,
    library: Path | None = None,
    cupti: Sequence[Path] = (),
    traces: Path | None = None,
    trace_bytes: int = DEFAULT_TRACE_BYTES,
    own: Own | None = None,
) -> ProcessAudit:
    """Run `command` to its end. Raises UsageError where it cannot be run or watched at all.

    Source files beneath `directory` are named relative to it. The traces of the command and of the processes that it
    starts are kept in `traces`, if that is given. `library` and `cupti` stand in for what is built and found.
    """
    library = library or build_library()
    cupti = tuple(cupti) or find_libraries()
    with tempfile.TemporaryDirectory(prefix="imp-graphcheck-") as scratch:
        folder = (traces or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        # Traces of an earlier run in the same folder are not this one's.
        before = set(folder.glob("*.trace"))
        environment = environment_for(library, folder, cupti, trace_bytes=trace_bytes)
        started = time.monotonic()
        returncode = run_command(command, environment)
        seconds = time.monotonic() - started
        found = sorted(set(folder.glob("*.trace")) - before)
        return read_traces(
            found, returncode=returncode, directory=directory, seconds=seconds, own=own or Own()
        )


def read_traces(
    paths: Sequence[Path],
    *,
    returncode: int = 0,
    directory: Path | None = None,
    seconds: float = 0.0,
    own: Own | None = None,
) -> ProcessAudit:
    """What the traces of one command say, one for each process that used CUDA."""
    if not paths:
        return ProcessAudit(
            returncode=returncode,
            status="failed",
            status_reason=f"nothing was traced: no process of the command used CUDA, or its driver ignores "
            f"CUDA_INJECTION64_PATH (the command {describe_exit(returncode)})",
            seconds=seconds,
        )
    directory = directory.resolve() if directory is not None else None
    sites: list[tuple[AuditSite, ...]] = []
    notes: list[str] = []
    headline: Headline | None = None
    captures = launches = 0
    loaded: list[Trace] = []
    for path in paths:
        trace = _read(path, notes)
        if trace is None:
            continue
        loaded.append(trace)
        symbols = symbolise(trace, stacks_that_matter(trace))
        places = Places(trace, symbols, directory, own or Own())
        sites.append(find_sites(trace, places))
        headline = headline or find_headline(trace, places)
        captures += len(find_windows(trace.calls))
        launches += count_launches(trace)
        notes += symbols.notes + _remarks(trace, places)
    status, reason = _status(loaded, returncode)
    if loaded and not captures:
        notes.append("no stream was captured")
    return ProcessAudit(
        returncode=returncode,
        sites=merge_sites(sites),
        headline=headline,
        traced_by=_traced_by(loaded),
        status=status,
        status_reason=reason,
        environment=_environment(loaded),
        notes=tuple(dict.fromkeys(notes)),
        captures=captures,
        graph_launches=launches,
        seconds=seconds,
    )


def _read(path: Path, notes: list[str]) -> Trace | None:
    try:
        return read_trace(path)
    except UsageError as error:
        # One process was killed before it had written its first page: the others are no worse for it.
        notes.append(error.message)
        return None


def _remarks(trace: Trace, places: Places) -> list[str]:
    """What a reader should know before trusting the sites of this process."""
    header = trace.header
    remarks = []
    if header.problem:
        remarks.append(f"process {header.pid}: {header.problem} (CUPTI result {header.cupti_result})")
    if header.dropped_blocks:
        remarks.append(
            f"process {header.pid}: {header.dropped_blocks} calls were dropped, the trace had reached its "
            f"{header.limit >> 20} MiB"
        )
    if header.dropped_tallies:
        remarks.append(
            f"process {header.pid}: {header.dropped_tallies} calls outside of captures were not counted"
        )
    if header.dropped_stacks:
        remarks.append(f"process {header.pid}: the stacks of {header.dropped_stacks} calls were dropped")
    if header.forks:
        remarks.append(
            f"process {header.pid} was forked {header.forks} times: forked children are not traced"
        )
    for window in find_windows(trace.calls):
        if window.end is None:
            place = places.of(window.begin.stack)
            remarks.append(f"the capture that was begun at {place.file}:{place.line} did not end")
    for call in trace.calls:
        if not call.end_ns:
            place = places.of(call.stack)
            remarks.append(f"process {header.pid} ended inside {call.name} at {place.file}:{place.line}")
    return remarks


def _status(traces: Sequence[Trace], returncode: int) -> tuple[Literal["complete", "partial", "failed"], str]:
    if not any(trace.header.state == "tracing" for trace in traces):
        problem = next((trace.header.problem for trace in traces if trace.header.problem), "")
        return "failed", problem or "no process of the command could be traced"
    if returncode < 0:
        return "partial", f"the command {describe_exit(returncode)}"
    if any(trace.header.state != "tracing" for trace in traces):
        return "partial", "not every process of the command could be traced"
    if any(
        trace.header.dropped_blocks or trace.header.dropped_tallies or trace.header.dropped_stacks
        for trace in traces
    ):
        return "partial", "the trace is not whole"
    return "complete", ""


def _traced_by(traces: Sequence[Trace]) -> str:
    version = max((trace.header.cupti_version for trace in traces), default=0)
    if version >= 10_000:
        return f"CUPTI {version // 10_000}.{version % 10_000 // 100}, injected"
    # Before CUDA 13 it was a number of its own.
    return f"CUPTI (API {version}), injected" if version else "CUPTI, injected"


def _environment(traces: Sequence[Trace]) -> dict[str, str]:
    if not traces:
        return {}
    header = traces[0].header
    return {
        "executable": header.executable,
        "cupti": header.cupti_path,
        "driver": f"{header.driver_version // 1000}.{header.driver_version % 1000 // 10}",
        "processes": str(len(traces)),
    }
