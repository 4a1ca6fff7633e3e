"""Which frame of a native stack is the program's own, and which function of a library it had called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.apis import ApiCall, find_call
from imp_graphcheck.inject.symbols import NativeFrame
from imp_graphcheck.record.site import Frame

FOREIGN_MODULES = (
    *("libimp_graphcheck_inject", "libcupti", "libcuda.", "libcudart", "libnvidia-", "libcublas", "libcudnn"),
    *(
        "libcusolver",
        "libcusparse",
        "libcurand",
        "libcufft",
        "libcutensor",
        "libnccl",
        "libnvrtc",
        "libnvJitLink",
    ),
    *(
        "libnpp",
        "libtorch",
        "libc10",
        "libshm",
        "libstdc++",
        "libc++",
        "libgcc_s",
        "libc.",
        "libm.",
        "libpthread",
    ),
    *("ld-linux", "ld-musl", "linux-vdso"),
)
"""How the file names of libraries begin that a reader did not write."""

FOREIGN_FILES = (
    "/include/c++/",
    "/bits/",
    "/cuda_runtime",
    "/thrust/",
    "/cub/",
    "/cuda/std/",
    "/libcudacxx/",
)
"""Parts of the paths of headers whose functions are inlined into programs."""

_RUNTIME = re.compile(r"cuda[A-Z]|__cuda|cudart::|cu[A-Z]")
"""The runtime is linked statically as a rule: its functions are the program's, by the module alone."""

_LIBRARY = re.compile(r"cublas|cudnn|cusolver|cusparse|curand|cufft|cutensor|p?nccl|nvrtc|npp[is]")


@dataclass(frozen=True, slots=True)
class Own:
    """What a reader did write. The defaults fit most programs; more libraries can be named by how they begin."""

    foreign_modules: tuple[str, ...] = FOREIGN_MODULES
    foreign_files: tuple[str, ...] = FOREIGN_FILES

    def has(self, frame: NativeFrame) -> bool:
        if Path(frame.module).name.startswith(self.foreign_modules):
            return False
        if frame.line:
            return not any(part in frame.file for part in self.foreign_files)
        return not (_RUNTIME.match(frame.function) or _LIBRARY.match(frame.function))


def headline_at(frames: Sequence[NativeFrame], own: Own) -> int | None:
    """The innermost frame of the program that has a source line; else that has a name; else any. None without frames.

    A program whose every frame is foreign (a script, whose engine is all torch) gets the innermost line there is, or
    the innermost named function outside of the tool and of CUDA.
    """
    mine = [index for index, frame in enumerate(frames) if own.has(frame)]
    with_line = [index for index in mine if frames[index].line]
    named = [index for index in mine if frames[index].function]
    if with_line or named or mine:
        return (with_line or named or mine)[0]
    outside = [index for index, frame in enumerate(frames) if not _is_cuda(frame)]
    with_line = [index for index in outside if frames[index].line]
    return next(iter(with_line or outside), None)


def library_call(beneath: Sequence[NativeFrame], own: Own) -> str:
    """The outermost function of a library (cuBLAS, NCCL) among the frames beneath the program's own; empty if none."""
    for frame in reversed(beneath):
        if _LIBRARY.match(frame.function) and not own.has(frame):
            return frame.function
    return ""


def find_handle(function: str) -> ApiCall | None:
    """The catalogue's entry, if this is a function of a library that sets something up, waits or tears down."""
    return find_call(function) if _LIBRARY.match(function) else None


def as_record(frame: NativeFrame) -> Frame:
    return Frame(file=frame.place, line=frame.line, function=frame.function or "<unknown>")


def without_tool(frames: Sequence[NativeFrame]) -> tuple[NativeFrame, ...]:
    """The stack as the program would have had it without being watched."""
    first = next((index for index, frame in enumerate(frames) if not _is_tool(frame)), len(frames))
    return tuple(frames[first:])


def _is_tool(frame: NativeFrame) -> bool:
    return Path(frame.module).name.startswith(("libimp_graphcheck_inject", "libcupti"))


def _is_cuda(frame: NativeFrame) -> bool:
    return Path(frame.module).name.startswith(FOREIGN_MODULES[:5]) or bool(_RUNTIME.match(frame.function))
