"""Where CUPTI is: its headers, to build the injection library against, and libcupti itself, which the target loads.

They come with the `cuda` extra (wheels of NVIDIA), with a CUDA toolkit, or with triton, which bundles both.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.errors import UsageError

HEADERS = {
    "cupti.h": "nvidia-cuda-cupti",
    "generated_cuda_runtime_api_meta.h": "nvidia-cuda-cupti",
    "cuda.h": "nvidia-cuda-runtime",
    "cuda_runtime_api.h": "nvidia-cuda-runtime",
    "crt/host_defines.h": "nvidia-cuda-crt",
}
"""What the library includes, directly or not, and the wheel that brings it."""

_IN_TOOLKIT = (
    "include",
    "targets/x86_64-linux/include",
    "targets/sbsa-linux/include",
    "extras/CUPTI/include",
)
_LIBRARIES_IN_TOOLKIT = ("lib64", "lib", "extras/CUPTI/lib64")
_IN_WHEELS = ("cu13", "cuda_cupti", "cuda_runtime", "cuda_crt", "cuda_nvcc")
_VERSION = re.compile(r"#define\s+CUPTI_API_VERSION\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Headers:
    """`folders` hold all headers between them, in this order. `version` is CUPTI's own number (130000)."""

    folders: tuple[Path, ...]
    version: int


def find_headers() -> Headers:
    """Raises UsageError that says what is missing, and how to get it."""
    places = list(_header_folders())
    # One place that has everything, before parts that may not fit together.
    for place in places:
        if all((place / name).is_file() for name in HEADERS):
            return Headers((place,), _version(place))
    chosen: list[Path] = []
    for name, wheel in HEADERS.items():
        if any((place / name).is_file() for place in chosen):
            continue
        found = next((place for place in places if (place / name).is_file()), None)
        if found is None:
            raise UsageError(
                f"the header {name} was not found, which the injection library is built against",
                hint=f"pip install {wheel}, or point CUDA_HOME to a CUDA toolkit",
            )
        chosen.append(found)
    return Headers(tuple(chosen), _version(chosen[0]))


def find_libraries() -> tuple[Path, ...]:
    """Every libcupti of this machine, newest first: which of them fits the driver is known only once CUDA is up."""
    found = {
        path.resolve(): int(path.name.rpartition(".")[2])
        for folder in _library_folders()
        for path in folder.glob("libcupti.so.*")
        if path.name.rpartition(".")[2].isdigit() and path.name.count(".") == 2
    }
    if not found:
        raise UsageError(
            "libcupti was not found, which reports the calls of a program",
            hint="pip install nvidia-cuda-cupti, or point CUDA_HOME to a CUDA toolkit",
        )
    return tuple(sorted(found, key=lambda path: -found[path]))


def toolkits() -> Iterator[Path]:
    """CUDA toolkits: the one that was asked for, the one on the PATH, those at the usual place."""
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    nvcc = shutil.which("nvcc")
    if nvcc is not None:
        yield Path(nvcc).resolve().parent.parent
    usual = Path("/usr/local")
    yield usual / "cuda"
    yield from sorted(usual.glob("cuda-*"), reverse=True)


def _header_folders() -> Iterator[Path]:
    yield from _existing(root / part for root in toolkits() for part in _IN_TOOLKIT)
    yield from _existing(root / part / "include" for root in _packages("nvidia") for part in _IN_WHEELS)
    yield from _existing(root / "backends/nvidia/include" for root in _packages("triton"))


def _library_folders() -> Iterator[Path]:
    yield from _existing(root / part / "lib" for root in _packages("nvidia") for part in _IN_WHEELS)
    yield from _existing(root / part for root in toolkits() for part in _LIBRARIES_IN_TOOLKIT)
    yield from _existing(root / "backends/nvidia/lib/cupti" for root in _packages("triton"))


def _packages(name: str) -> Iterator[Path]:
    """Where packages of this name are installed. They are not imported: triton takes its time."""
    return _existing(Path(entry) / name for entry in sys.path if entry)


def _existing(folders: Iterable[Path]) -> Iterator[Path]:
    return (folder for folder in folders if folder.is_dir())


def _version(folder: Path) -> int:
    try:
        found = _VERSION.search((folder / "cupti_version.h").read_text(errors="replace"))
    except OSError as error:
        raise UsageError(
            f"{folder} holds cupti.h and no readable cupti_version.h", hint="reinstall CUPTI"
        ) from error
    return int(found.group(1)) if found else 0
