"""What a card really answers to each call inside a capture, beside what `imp_graphcheck.apis` says of it.

    python benchmarks/capture_modes.py [--only PREFIX] [--jobs 8] [--list]

Every call is tried while a stream captures, in each of the three modes, from the thread that captures and from another one,
through the runtime and driver libraries themselves (no torch). Each call has a child process of its own, so one that takes
the context with it costs no other its answer. Prints a table in Markdown, and exits with 1 where the card and the table of
verdicts disagree: then the table is to be mended.
"""

import argparse
import ctypes
import json
import re
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imp_graphcheck.apis import CALLS
from imp_graphcheck.apis.verdict import MODES, refusals

WHERE = ("own thread", "other thread")
BYTES = 4096
MIB = 1 << 20
NON_BLOCKING = 1
BLOCKING = 0

PTX = b""".version 7.0
.target sm_52
.address_size 64
.visible .entry nothing() { ret; }
"""


# what is tried


class Scene:
    """A capture in progress in `mode`, and one of everything that a call may want."""

    def __init__(self, mode: str, stream_flags: int) -> None:
        self.rt, self.cu = _runtime(), _driver()
        self.device, self.other_device = self._allocated(), self._allocated()
        self.spare = self._allocated()
        self.pageable = ctypes.create_string_buffer(BYTES)
        self.to_register = ctypes.create_string_buffer(2 * MIB)
        self.pinned, self.spare_pinned = self._pinned(), self._pinned()
        self.capturing, self.other = self._stream(stream_flags), self._stream(NON_BLOCKING)
        self.inside, self.outside, self.unused = self._event(), self._event(), self._event()
        self.rt.cudaEventRecord(self.outside, self.other)
        self.rt.cudaDeviceSynchronize()
        self.out = ctypes.c_void_p()
        self.number = ctypes.c_float()
        _must(self.rt.cudaStreamBeginCapture(self.capturing, MODES.index(mode)))  # type: ignore[arg-type]
        _must(self.rt.cudaMemsetAsync(self.device, 0, BYTES, self.capturing))
        _must(self.rt.cudaEventRecord(self.inside, self.capturing))

    def end(self) -> int:
        """The error of the end of the capture."""
        graph = ctypes.c_void_p()
        ended = int(self.rt.cudaStreamEndCapture(self.capturing, ctypes.byref(graph)))
        # The next scene may get the same pages.
        self.rt.cudaHostUnregister(self.to_register)
        return ended

    def _allocated(self) -> ctypes.c_void_p:
        address = ctypes.c_void_p()
        _must(self.rt.cudaMalloc(ctypes.byref(address), ctypes.c_size_t(BYTES)))
        return address

    def _pinned(self) -> ctypes.c_void_p:
        address = ctypes.c_void_p()
        _must(self.rt.cudaHostAlloc(ctypes.byref(address), ctypes.c_size_t(BYTES), 0))
        return address

    def _stream(self, flags: int) -> ctypes.c_void_p:
        stream = ctypes.c_void_p()
        _must(self.rt.cudaStreamCreateWithFlags(ctypes.byref(stream), flags))
        return stream

    def _event(self) -> ctypes.c_void_p:
        event = ctypes.c_void_p()
        _must(self.rt.cudaEventCreateWithFlags(ctypes.byref(event), 0))
        return event


Try = Callable[[Scene], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """`name` is the call's in the catalogue; `variant` says what is special about its arguments.

    `captured_work`: what it waits for or asks about is being captured. `stream_flags` are those of the capturing stream.
    """

    name: str
    run: Try
    variant: str = ""
    captured_work: bool = True
    stream_flags: int = NON_BLOCKING

    @property
    def title(self) -> str:
        return f"{self.name} ({self.variant})" if self.variant else self.name


def _size(number: int = BYTES) -> ctypes.c_size_t:
    return ctypes.c_size_t(number)


def _copies() -> Iterator[Attempt]:
    ways: dict[str, tuple[int, Callable[[Scene], tuple[Any, Any]]]] = {
        "h2d pageable": (1, lambda s: (s.device, s.pageable)),
        "h2d pinned": (1, lambda s: (s.device, s.pinned)),
        "d2h pageable": (2, lambda s: (s.pageable, s.device)),
        "d2h pinned": (2, lambda s: (s.pinned, s.device)),
        "d2d": (3, lambda s: (s.other_device, s.device)),
    }
    for way, (kind, ends) in ways.items():
        yield Attempt(
            name="cudaMemcpyAsync",
            variant=way,
            run=lambda s, kind=kind, ends=ends: s.rt.cudaMemcpyAsync(*ends(s), _size(), kind, s.capturing),  # type: ignore[misc]
        )
        for flags, word in ((NON_BLOCKING, "non-blocking stream"), (BLOCKING, "blocking stream")):
            yield Attempt(
                name="cudaMemcpy",
                variant=f"{way}, {word}",
                stream_flags=flags,
                run=lambda s, kind=kind, ends=ends: s.rt.cudaMemcpy(*ends(s), _size(), kind),  # type: ignore[misc]
            )
    yield Attempt(
        name="cudaMemcpy2DAsync",
        variant="d2d",
        run=lambda s: s.rt.cudaMemcpy2DAsync(
            s.other_device, _size(64), s.device, _size(64), _size(32), _size(4), 3, s.capturing
        ),
    )
    yield Attempt(
        name="cuMemcpyHtoDAsync",
        variant="pinned",
        run=lambda s: s.cu.cuMemcpyHtoDAsync_v2(s.device, s.pinned, _size(), s.capturing),
    )
    yield Attempt(name="cuMemcpyDtoD", run=lambda s: s.cu.cuMemcpyDtoD_v2(s.other_device, s.device, _size()))
    for flags, word in ((NON_BLOCKING, "non-blocking stream"), (BLOCKING, "blocking stream")):
        yield Attempt(
            name="cudaMemset",
            variant=word,
            stream_flags=flags,
            run=lambda s: s.rt.cudaMemset(s.other_device, 0, _size()),
        )
    yield Attempt(
        name="cudaMemsetAsync", run=lambda s: s.rt.cudaMemsetAsync(s.other_device, 0, _size(), s.capturing)
    )
    yield Attempt(
        name="cuMemsetD8Async",
        run=lambda s: s.cu.cuMemsetD8Async(s.other_device, ctypes.c_ubyte(0), _size(), s.capturing),
    )


def _waits() -> Iterator[Attempt]:
    yield Attempt(name="cudaDeviceSynchronize", run=lambda s: s.rt.cudaDeviceSynchronize())
    yield Attempt(name="cuCtxSynchronize", run=lambda s: s.cu.cuCtxSynchronize())
    for call in ("cudaStreamSynchronize", "cudaStreamQuery"):
        for variant, captured in (("captured", True), ("another", False)):
            yield Attempt(
                name=call,
                variant=variant,
                captured_work=captured,
                run=lambda s, call=call, captured=captured: getattr(s.rt, call)(  # type: ignore[misc]
                    s.capturing if captured else s.other
                ),
            )
    for call in ("cudaEventSynchronize", "cudaEventQuery"):
        for variant, captured in (("captured", True), ("recorded elsewhere", False)):
            yield Attempt(
                name=call,
                variant=variant,
                captured_work=captured,
                run=lambda s, call=call, captured=captured: getattr(s.rt, call)(  # type: ignore[misc]
                    s.inside if captured else s.outside
                ),
            )
    yield Attempt(
        name="cudaEventElapsedTime",
        variant="recorded elsewhere",
        captured_work=False,
        run=lambda s: s.rt.cudaEventElapsedTime(ctypes.byref(s.number), s.outside, s.outside),
    )


def _memory() -> Iterator[Attempt]:
    size = _size(MIB)
    yield Attempt(name="cudaMalloc", run=lambda s: s.rt.cudaMalloc(ctypes.byref(s.out), _size(64 * MIB)))
    yield Attempt(name="cuMemAlloc", run=lambda s: s.cu.cuMemAlloc_v2(ctypes.byref(s.out), _size(64 * MIB)))
    yield Attempt(
        name="cudaMallocManaged", run=lambda s: s.rt.cudaMallocManaged(ctypes.byref(s.out), size, 1)
    )
    yield Attempt(name="cudaMallocHost", run=lambda s: s.rt.cudaMallocHost(ctypes.byref(s.out), size))
    yield Attempt(name="cudaHostAlloc", run=lambda s: s.rt.cudaHostAlloc(ctypes.byref(s.out), size, 0))
    yield Attempt(
        name="cudaHostRegister", run=lambda s: s.rt.cudaHostRegister(s.to_register, _size(2 * MIB), 0)
    )
    yield Attempt(
        name="cudaMallocPitch",
        run=lambda s: s.rt.cudaMallocPitch(
            ctypes.byref(s.out), ctypes.byref(ctypes.c_size_t()), _size(64), _size(64)
        ),
    )
    yield Attempt(
        name="cudaMallocAsync", run=lambda s: s.rt.cudaMallocAsync(ctypes.byref(s.out), size, s.capturing)
    )
    yield Attempt(name="cudaFree", run=lambda s: s.rt.cudaFree(s.spare))
    yield Attempt(name="cudaFreeHost", run=lambda s: s.rt.cudaFreeHost(s.spare_pinned))

    def allocated_and_freed(scene: Scene) -> int:
        scene.rt.cudaMallocAsync(ctypes.byref(scene.out), size, scene.capturing)
        return int(scene.rt.cudaFreeAsync(scene.out, scene.capturing))

    yield Attempt(name="cudaFreeAsync", variant="of the capture's own", run=allocated_and_freed)
    yield Attempt(
        name="cuMemAddressReserve",
        run=lambda s: s.cu.cuMemAddressReserve(
            ctypes.byref(s.out), _size(2 * MIB), _size(0), ctypes.c_uint64(0), ctypes.c_uint64(0)
        ),
    )


def _others() -> Iterator[Attempt]:
    called = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _data: None)
    told = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(lambda *_data: None)
    yield Attempt(name="cudaLaunchHostFunc", run=lambda s: s.rt.cudaLaunchHostFunc(s.capturing, called, None))
    yield Attempt(
        name="cudaStreamAddCallback", run=lambda s: s.rt.cudaStreamAddCallback(s.capturing, told, None, 0)
    )
    yield Attempt(
        name="cudaStreamWaitEvent",
        variant="captured",
        run=lambda s: s.rt.cudaStreamWaitEvent(s.capturing, s.inside, 0),
    )
    yield Attempt(
        name="cudaEventRecord", variant="captured", run=lambda s: s.rt.cudaEventRecord(s.inside, s.capturing)
    )
    yield Attempt(
        name="cudaStreamCreateWithFlags",
        run=lambda s: s.rt.cudaStreamCreateWithFlags(ctypes.byref(s.out), NON_BLOCKING),
    )
    yield Attempt(name="cudaStreamDestroy", run=lambda s: s.rt.cudaStreamDestroy(s.other))
    yield Attempt(
        name="cudaEventCreateWithFlags", run=lambda s: s.rt.cudaEventCreateWithFlags(ctypes.byref(s.out), 2)
    )
    yield Attempt(name="cudaEventDestroy", run=lambda s: s.rt.cudaEventDestroy(s.unused))
    yield Attempt(name="cuModuleLoadData", run=lambda s: s.cu.cuModuleLoadData(ctypes.byref(s.out), PTX))
    yield Attempt(
        name="cuLibraryLoadData",
        run=lambda s: s.cu.cuLibraryLoadData(ctypes.byref(s.out), PTX, None, None, 0, None, None, 0),
    )
    for name, library in (
        ("cublasCreate", "cublas"),
        ("cublasLtCreate", "cublasLt"),
        ("cusolverDnCreate", "cusolver"),
        ("cusparseCreate", "cusparse"),
        ("cudnnCreate", "cudnn"),
    ):
        symbol = f"{name}_v2" if name == "cublasCreate" else name
        yield Attempt(
            name=name,
            run=lambda s, library=library, symbol=symbol: getattr(_library(library), symbol)(  # type: ignore[misc]
                ctypes.byref(s.out)
            ),
        )


def attempts() -> list[Attempt]:
    """Everything that is tried, in order."""
    return [*_copies(), *_waits(), *_memory(), *_others()]


# the libraries


@cache
def _library(name: str) -> ctypes.CDLL:
    """A library of CUDA, installed by the system or by a wheel of NVIDIA's. Raises OSError."""
    folder = Path(sysconfig.get_path("purelib")) / "nvidia"
    found = sorted(folder.glob(f"*/lib/lib{name}.so*"))
    try:
        return ctypes.CDLL(f"lib{name}.so")
    except OSError:
        if not found:
            raise
        return ctypes.CDLL(str(found[-1]))


@cache
def _runtime() -> ctypes.CDLL:
    return _library("cudart")


@cache
def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")


def _must(result: int) -> None:
    if result:
        raise RuntimeError(f"error {result} while the scene is set")


# the child


def child(title: str) -> int:
    """One attempt in every mode, from both threads: a line of JSON for each."""
    attempt = next(each for each in attempts() if each.title == title)
    for mode in MODES:
        for where in WHERE:
            try:
                answer = _tried(attempt, mode, where)
            except (OSError, AttributeError) as error:
                answer = {"missing": str(error)}
            print(json.dumps({"mode": mode, "where": where, **answer}), flush=True)
    return 0


def _tried(attempt: Attempt, mode: str, where: str) -> dict[str, Any]:
    scene = Scene(mode, attempt.stream_flags)
    results: list[int | BaseException] = []

    def call() -> None:
        try:
            results.append(int(attempt.run(scene)))
        except (OSError, AttributeError) as error:
            results.append(error)

    if where == WHERE[0]:
        call()
    else:

        def elsewhere() -> None:
            scene.rt.cudaSetDevice(0)  # the driver's calls want a context in each thread
            call()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    end = scene.end()
    scene.rt.cudaGetLastError()
    if isinstance(results[0], BaseException):
        raise results[0]
    return {"result": results[0], "end": end}


# the parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came out of one attempt: by mode and thread, the error of the call and of the end of the capture."""

    attempt: Attempt
    seen: dict[tuple[str, str], dict[str, Any]]
    trouble: str = ""

    @property
    def missing(self) -> str:
        """Why it could not be tried here: a library that is not installed, or does not have it."""
        return next((str(each["missing"]) for each in self.seen.values() if "missing" in each), "")

    def refused(self, mode: str, where: str) -> bool:
        """Whether the call failed, or the capture did afterwards."""
        seen = self.seen[mode, where]
        return seen["result"] not in (0, 600) or seen["end"] != 0

    def problems(self) -> list[str]:
        """Where the table of verdicts says otherwise."""
        if self.trouble or self.missing:
            return [self.trouble] if self.trouble else []
        call = CALLS[self.attempt.name]
        found = []
        for mode in MODES:
            for where in WHERE:
                expected = refusals(
                    call,
                    captured_work=self.attempt.captured_work,
                    other_thread=where != WHERE[0],
                    blocking=self.attempt.stream_flags == BLOCKING,
                )
                if self.refused(mode, where) != (mode in expected):
                    found.append(f"{mode}, {where}: the table says {expected.get(mode, 'allowed')}")
                elif self.refused(mode, where) and not self._same_error(
                    expected[mode], self.seen[mode, where]
                ):  # type: ignore[index]
                    found.append(f"{mode}, {where}: the table says {expected[mode]}")  # type: ignore[index]
        return found

    def _same_error(self, expected: str, seen: dict[str, Any]) -> bool:
        """Libraries answer with numbers of their own."""
        is_library = not re.match("cuda|cu[A-Z]", self.attempt.name)
        return is_library or str(seen["result"]) == expected.split()[0]


def _row(attempt: Attempt, seconds: float) -> Row:
    done = subprocess.run(
        [sys.executable, __file__, "--child", attempt.title],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    seen = {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        seen[told["mode"], told["where"]] = told
    trouble = ""
    if len(seen) < len(MODES) * len(WHERE):
        last = next(reversed(done.stderr.strip().splitlines()), "")
        trouble = f"the process ended with {done.returncode} after {len(seen)} answers: {last}"
    return Row(attempt=attempt, seen=seen, trouble=trouble)


def table(rows: list[Row]) -> str:
    """Markdown: a line for each attempt, a column for each mode and thread."""
    heads = [f"{mode}, {where}" for mode in MODES for where in WHERE]
    lines = [
        "| call | " + " | ".join(heads) + " | as the table of verdicts says |",
        "|---|" + "---|" * (len(heads) + 1),
    ]
    for row in rows:
        if row.missing:
            lines.append(f"| {row.attempt.title} |" + " |" * len(heads) + f" not tried: {row.missing} |")
            continue
        cells = [_cell(row.seen.get((mode, where))) for mode in MODES for where in WHERE]
        problems = row.problems()
        lines.append(
            f"| {row.attempt.title} | "
            + " | ".join(cells)
            + f" | {'**no**: ' + '; '.join(problems) if problems else 'yes'} |"
        )
    return "\n".join(lines)


def _cell(seen: dict[str, Any] | None) -> str:
    if seen is None:
        return "no answer"
    if seen["result"] in (0, 600):
        return "allowed" if not seen["end"] else f"allowed, end {seen['end']}"
    return f"{seen['result']}" + ("" if seen["end"] else ", capture goes on")


def main() -> int:
    """Try everything, print the table, and say whether the verdicts agree with it."""
    options = _options()
    if options.child:
        return child(options.child)
    wanted = [each for each in attempts() if each.title.startswith(options.only)]
    if options.list:
        print("\n".join(each.title for each in wanted))
        return 0
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(lambda attempt: _row(attempt, options.seconds), wanted))
    print(table(rows))
    tried = [row for row in rows if not row.missing]
    print(
        f"\n{len(tried)} of {len(rows)} calls tried, {sum(bool(row.problems()) for row in rows)} otherwise than expected."
    )
    return 1 if not tried or any(row.problems() for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="PREFIX")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60, help="for one call in all modes")
    parser.add_argument("--list", action="store_true", help="only say what would be tried")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
