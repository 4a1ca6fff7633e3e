"""Traces by hand: calls as the library would have written them, with the frames that they had."""

from dataclasses import dataclass, field, replace
from typing import Any

from imp_graphcheck.inject.symbols import NativeFrame, Symbols
from imp_graphcheck.inject.trace_file import Details, Tally, Thread, Trace, TracedCall, TraceHeader

GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2
STREAM, OTHER_STREAM = 0x100, 0x200

BEGIN = "cudaStreamBeginCapture_v10000"
END = "cudaStreamEndCapture_v10000"


def frame(
    function: str = "forward", file: str = "/src/engine.cpp", line: int = 10, module: str = "/bin/engine"
) -> NativeFrame:
    return NativeFrame(
        function=function, file=file if line else "", line=line, module=module, offset=0x40 + line
    )


def details(**fields: Any) -> Details:
    return Details(
        **{
            **dict.fromkeys(
                (
                    "stream",
                    "bytes",
                    "source",
                    "target",
                    "direction",
                    "source_memory",
                    "target_memory",
                    "mode",
                ),
                0,
            ),
            **fields,
        }
    )


@dataclass
class Story:
    """A trace that grows call by call; each call lasts one unit of time. Thread 1 captures, thread 2 is another."""

    trace: Trace = field(
        default_factory=lambda: Trace(
            TraceHeader(
                **{
                    **dict.fromkeys(
                        (
                            *("pid", "parent_pid", "started_monotonic_ns", "started_realtime_ns", "limit"),
                            *("cupti_result", "cupti_version", "driver_version", "dropped_blocks"),
                            *("dropped_stacks", "dropped_tallies", "forks"),
                        ),
                        0,
                    ),
                    **dict.fromkeys(("problem", "executable", "cupti_path"), ""),
                    "state": "tracing",
                }
            ),
            threads={1: Thread(101, "main"), 2: Thread(102, "watchdog")},
        )
    )
    symbols: Symbols = field(default_factory=Symbols)
    now: int = 0
    open_ids: dict[int, int] = field(default_factory=dict)

    def stack(self, *frames: NativeFrame) -> int:
        for number, known in self.symbols.frames.items():
            if known == frames:
                return number
        number = len(self.symbols.frames) + 1
        self.symbols.frames[number] = frames
        return number

    def call(
        self,
        name: str,
        *frames: NativeFrame,
        thread: int = 1,
        result: int = 0,
        inner_result: int = 0,
        thread_mode: int = GLOBAL,
        status_after: int = 0,
        returns: bool = True,
        **fields: Any,
    ) -> TracedCall:
        """A call of its own block: during a capture, or one that failed."""
        self.now += 10
        said = details(**fields)
        capture = self.open_ids.get(said.stream, 0)
        made = TracedCall(
            begin_ns=self.now,
            end_ns=self.now + 1 if returns else 0,
            name=name,
            thread=thread,
            stack=self.stack(*(frames or (frame(),))),
            result=result,
            inner_name="",
            inner_result=inner_result,
            status_before=1 if capture else 0,
            status_after=status_after,
            thread_mode=thread_mode,
            capture_id=capture,
            details=said,
        )
        self.trace.calls.append(made)
        return made

    def begin(self, mode: int = GLOBAL, *, thread: int = 1, stream: int = STREAM) -> TracedCall:
        made = self.call(BEGIN, frame("capture", line=1), thread=thread, stream=stream, mode=mode)
        self.open_ids[stream] = len(self.trace.calls)
        self.trace.calls[-1] = made = _with(made, capture_id=len(self.trace.calls))
        return made

    def end(self, *, thread: int = 1, stream: int = STREAM, result: int = 0) -> TracedCall:
        made = self.call(END, frame("capture", line=2), thread=thread, stream=stream, result=result)
        self.open_ids.pop(stream, None)
        return made

    def tally(
        self, name: str, *frames: NativeFrame, count: int = 1, bytes: int = 0, thread: int = 1, **fields: Any
    ) -> None:
        """Calls while nothing was captured."""
        self.now += 10
        self.trace.tallies.append(
            Tally(
                first_ns=self.now,
                last_ns=self.now + 1,
                count=count,
                bytes=bytes,
                name=name,
                thread=thread,
                stack=self.stack(*(frames or (frame(),))),
                details=details(**fields),
            )
        )


def _with(call: TracedCall, **changes: Any) -> TracedCall:

    return replace(call, **changes)
