"""Builds the injection library, once per machine: its sources, the compiler and CUPTI's headers decide what is reused."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.apis import CALLS
from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject.cupti import Headers, find_headers

SOURCES = Path(__file__).parent / "library"
LIBRARY = "libimp_graphcheck_inject.so"
WANTED_CALLS = "wanted_calls.inc"

FLAGS = ("-std=c++17", "-O2", "-g1", "-fPIC", "-fvisibility=hidden", "-fno-omit-frame-pointer")
LINKED = ("-shared", "-static-libstdc++", "-Wl,--exclude-libs,ALL", "-ldl", "-lpthread")
"""libstdc++ is linked in: a program that brings an older one of its own must be able to load the library."""

_COMPILERS = ("c++", "g++", "clang++")
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Compiler:
    path: str
    version: str


def build_library(*, cache: Path | None = None) -> Path:
    """The library's path; built if there is none of these sources yet. Raises UsageError."""
    compiler, headers = find_compiler(), find_headers()
    folder = (cache or cache_folder()) / "inject" / _key(compiler, headers)
    library = folder / LIBRARY
    if library.is_file():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as workshop:
            made = _compile(compiler, headers, Path(workshop))
            # Two that build at once both succeed, and nobody sees half a library.
            made.replace(library)
    except OSError as error:
        raise UsageError(
            f"the injection library cannot be kept in {folder}: {error.strerror or error}",
            hint="set XDG_CACHE_HOME to a folder that can be written",
        ) from error
    return library


def cache_folder() -> Path:
    """Where what was built is kept from one run to the next."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "imp-graphcheck"


def find_compiler() -> Compiler:
    """The machine's C++ compiler, CXX before all others. Raises UsageError."""
    asked = os.environ.get("CXX")
    for name in (asked,) if asked else _COMPILERS:
        path = shutil.which(name)
        if path is not None:
            run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            return Compiler(path, run.stdout.partition("\n")[0])
    raise UsageError(
        f"CXX names {asked}, which is not there"
        if asked
        else "no C++ compiler was found to build the injection library",
        hint="install g++ or clang++, or set CXX",
    )


def sources() -> list[Path]:
    return sorted(SOURCES.glob("*.cpp"))


def wanted_calls() -> str:
    """The catalogue's names, as the elements of a C++ array."""
    return "".join(f'"{name}",\n' for name in sorted(CALLS))


def _key(compiler: Compiler, headers: Headers) -> str:
    digest = hashlib.sha256()
    for part in (compiler.path, compiler.version, str(headers), wanted_calls(), " ".join(FLAGS + LINKED)):
        digest.update(part.encode() + b"\0")
    for file in sorted(SOURCES.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _compile(compiler: Compiler, headers: Headers, workshop: Path) -> Path:
    (workshop / WANTED_CALLS).write_text(wanted_calls())
    made = workshop / LIBRARY
    includes = [part for folder in headers.folders for part in ("-isystem", str(folder))]
    command = [
        *(compiler.path, *FLAGS, *includes, "-I", str(workshop)),
        *map(str, sources()),
        *("-o", str(made), *LINKED),
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{compiler.path} did not come to an end in {_SECONDS:g} s") from error
    if run.returncode != 0:
        first = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr.strip())
        raise UsageError(
            f"{compiler.path} could not build the injection library: {first}",
            hint="the whole of it: " + " ".join(command),
        )
    return made
