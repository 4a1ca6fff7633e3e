"""What the user asked `capture` for, and the checks that need neither torch nor a device."""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.finding import SEVERITIES, Severity

DEVICES = ("auto", "cuda", "sim")
DTYPES = ("float32", "bfloat16", "float16")
PROBES = ("delay", "padding", "first-use")
"""What `--probe` may name, in the order in which they are run."""
CAPTURE_MODES = ("global", "thread_local", "relaxed")

STAGES = (
    "load",
    "prewarm",
    "warm-up",
    "eager",
    "noise floor",
    "capture",
    "inspect",
    "replay",
    "compare",
    "speed",
)
"""Everything that `capture` does, in order."""

RUNS = "runs"

_SHAPE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSettings:
    """The options of `capture`. `output` is the folder that holds `runs/`; `command` is the full command line.

    `until` is the last stage that is run; without `replay`, nothing is replayed and the verdict says so.
    """

    model: str
    pp: int = 1024
    tg: int = 0
    chunk: int = 256
    requests: int = 3
    reps: int = 3
    device: str = "auto"
    dtype: str | None = None
    capture_mode: str = "global"
    seed: int = 0
    output: str = ".graphcheck"
    fault: str | None = None
    probe: str = ""
    fail_on: Severity = "error"
    timeout: float = 600.0
    until: str = STAGES[-1]
    command: tuple[str, ...] = ()


def validate(settings: CaptureSettings) -> None:
    """Raise UsageError for what is wrong on the face of it. Leaves nothing behind on disk."""
    _at_least("--pp", settings.pp, 1, "the number of prompt tokens of the longest request")
    _at_least("--tg", settings.tg, 0, "the number of tokens to generate after each prompt")
    _at_least("--chunk", settings.chunk, 1, "the number of tokens in one call")
    _at_least("--requests", settings.requests, 1, "one request is the least that can be compared")
    _at_least("--reps", settings.reps, 0, "0 skips the speed stage")
    _at_least("--seed", settings.seed, 0, "any number from 0 on")
    if not settings.timeout > 0:
        raise UsageError(
            f"--timeout {settings.timeout:g}: it must be above 0.",
            hint="it is the number of seconds without progress after which the process is taken to hang",
        )
    _one_of("--device", settings.device, DEVICES)
    if settings.dtype is not None:
        _one_of("--dtype", settings.dtype, DTYPES)
    _one_of("--capture-mode", settings.capture_mode, CAPTURE_MODES)
    _one_of("--fail-on", settings.fail_on, SEVERITIES)
    chosen_probes(settings.probe)
    _one_of("until", settings.until, STAGES)
    _check_model(settings.model)
    _check_output(Path(settings.output))


def chosen_probes(names: str) -> tuple[str, ...]:
    """The probes that `--probe all` or `--probe NAME,NAME` asks for. Raises UsageError for one that there is not."""
    asked = {name.strip() for name in names.split(",")} if names else set()
    for name in sorted(asked - {"all"}):
        _one_of("--probe", name, ("all", *PROBES))
    return PROBES if "all" in asked else tuple(name for name in PROBES if name in asked)


def _at_least(option: str, value: int, least: int, meaning: str) -> None:
    if value < least:
        raise UsageError(f"{option} {value}: it must be at least {least}.", hint=meaning)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{option} {value}: not known.", hint=f"use one of {', '.join(allowed)}")


def _check_model(model: str) -> None:
    """MODEL is a directory, `module:factory`, or looks like the name of a shape, which only the child knows."""
    path = Path(model)
    if model and path.is_dir():
        return
    module, colon, factory = model.rpartition(":")
    if colon and module and factory.isidentifier():
        if module.endswith(".py") and not Path(module).is_file():
            raise UsageError(
                f"{model}: there is no file {module}.", hint="a factory is FILE.py:NAME or MODULE:NAME"
            )
        return
    if path.is_file():
        raise UsageError(
            f"{model} is a file; a checkpoint is a directory with config.json and safetensors.",
            hint=f"try {path.parent}",
        )
    if not _SHAPE_NAME.fullmatch(model):
        raise UsageError(
            f"{model or 'MODEL'}: no such directory.",
            hint="MODEL is a checkpoint directory, the name of a shape such as qwen3-moe-tiny, or module:factory",
        )


def _check_output(output: Path) -> None:
    """Try it: permissions, read-only file systems and files in the way all answer differently."""
    runs = output / RUNS
    missing = [folder for folder in (runs, *runs.parents) if not folder.exists()]
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs):
            pass
    except OSError as error:
        raise UsageError(
            f"--output {output}: cannot be written to: {error.strerror or error}.",
            hint="name a directory that you may write to, such as --output /tmp/graphcheck",
        ) from error
    finally:
        remove_if_empty(missing)


def remove_if_empty(folders: list[Path]) -> None:
    """Remove those of `folders` that exist and are empty, in the order given (innermost first)."""
    for folder in folders:
        if folder.is_dir() and not os.listdir(folder):
            folder.rmdir()
