"""What an audit saw: every copy, sync, allocation and lazy initialisation that a captured region makes, by site.

The same record whichever way it was found: by running a program, by reading its source, or by both together.
"""

from typing import Literal

import msgspec

from imp_graphcheck.record.finding import Severity
from imp_graphcheck.record.site import Frame

AUDIT_VERSION = 1

CallClass = Literal[
    "h2d", "d2h", "d2d", "sync", "query", "alloc", "free", "handle", "memset", "xstream", "callback"
]
"""`handle` is whatever a library or module sets up or tears down, `xstream` an order between two streams."""

Reach = Literal["yes", "maybe", "no"]
"""Whether the captured region gets there: `maybe` where only a call that cannot be followed leads there."""

Fate = Literal["forbidden", "rereads host", "fixed", "capture only", "harmless"]
"""What becomes of the call in a captured region.

    forbidden      the capture fails (`modes` says in which mode, with which error)
    rereads host   recorded, and every replay reads or writes the host memory again
    fixed          recorded, and every replay does the same
    capture only   it happens while the graph is captured, and never at a replay
    harmless       it does not touch the capture, or the region does not get there while it is captured
"""

FATES: tuple[Fate, ...] = ("forbidden", "rereads host", "capture only", "fixed", "harmless")
"""Worst first, which is how they are listed."""

Phase = Literal["cold", "load", "prewarm", "warm-up", "eager", "capture", "replay", "elsewhere"]
Origin = Literal["run", "source", "process"]
HostMemory = Literal["pageable", "pinned"]


class Opaque(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Source that could not be read: lines `first` to `last` of `file`, or the whole of it where `first` is 0."""

    file: str
    first: int = 0
    last: int = 0
    reason: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call of a chain: `function` is called in line `line` of `file`. An entry is called nowhere: line 0."""

    function: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})" if self.line else self.function


class AuditSite(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call at one line.

    `file` is relative to the audited directory where it lies in it. `kind` is the column `class` of tables. `guard` is
    the condition under which the call is made, in the words of the source. `modes` says for each capture mode which
    error the call raises; a mode that is missing allows it. `chain` leads from an entry to the call. `count` and
    `bytes_total` are None where nobody ran it; `phases` splits `count`. `text` is the call in the words of
    the source. `is_new` is false for a site that a baseline knows.
    """

    file: str
    line: int
    function: str
    api: str
    kind: CallClass
    fate: Fate
    reachable: Reach = "yes"
    code: str | None = None
    reason: str = ""
    remedy: str = ""
    guard: str = ""
    modes: dict[str, str] = {}
    chain: tuple[Step, ...] = ()
    stack: tuple[Frame, ...] = ()
    count: int | None = None
    bytes_total: int | None = None
    phases: dict[Phase, int] = {}
    host: HostMemory | None = None
    streams: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""
    is_new: bool = True

    @property
    def place(self) -> str:
        """`file:line`; without a line, what is known of the file."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def severity(self) -> Severity | None:
        """How bad it is that the region makes this call; None where nothing is wrong with it."""
        if self.reachable == "no" or self.fate in ("fixed", "harmless"):
            return None
        if self.reachable == "maybe" or self.fate == "capture only":
            return "warning"
        return "warning" if self.fate == "rereads host" and self.host == "pinned" else "error"


class Headline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The first call that failed while a stream was capturing; `hidden_by` is the error that the program saw instead."""

    api: str
    error: str
    file: str = ""
    line: int = 0
    function: str = ""
    mode: str = ""
    hidden_by: str = ""


class SourceTree(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was read: `lines` counts all files that were parsed."""

    directory: str
    language: Literal["cpp", "python"]
    entries: tuple[str, ...]
    files: int
    lines: int
    functions: int
    reached_functions: int
    seconds: float
    opaque: tuple[Opaque, ...] = ()
    unknown_calls: tuple[str, ...] = ()


class Audit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One audit, complete or partial: this is the document that `--format json` prints.

    `baseline` is the file that tells known sites from new ones; empty where everything is new.
    """

    audit_version: int = AUDIT_VERSION
    id: str
    command: tuple[str, ...]
    tool_version: str
    started_at: str
    environment: dict[str, str] = {}
    target: str = ""
    device: str = ""
    traced_by: str = ""
    status: Literal["complete", "partial", "failed"] = "complete"
    status_reason: str = ""
    headline: Headline | None = None
    sites: tuple[AuditSite, ...] = ()
    source: SourceTree | None = None
    baseline: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
