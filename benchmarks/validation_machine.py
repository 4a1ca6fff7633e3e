"""The machine a validation ran on: date, card, driver, versions."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata

PACKAGES = ("torch", "triton", "cuda-bindings", "transformers", "pytest", "msgspec")
QUERY = "name,driver_version,memory.total,clocks.sm,clocks.max.sm,temperature.gpu,power.limit"


def machine_facts() -> Mapping[str, str]:
    """Facts in the order a page shows them. What cannot be found out says so."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        **_card(),
        **{name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "commit": _commit(),
    }


def _card() -> dict[str, str]:
    command = ("nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return {"card": f"unknown: {error}"}
    fields = [field.strip() for field in answer.splitlines()[0].split(",")]
    names = ("card", "driver", "memory", "SM clock before", "SM clock limit", "temperature", "power limit")
    return dict(zip(names, fields, strict=True))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    named = os.environ.get("VALIDATION_COMMIT")  # for a copy of the tree without its history
    if named:
        return named
    try:
        command = ("git", "describe", "--always", "--dirty")
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown: this is no git checkout"
