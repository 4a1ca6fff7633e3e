"""The facts of this machine, collected."""

import platform
import subprocess
import sys

import msgspec

import imp_graphcheck
from imp_graphcheck.machine import packages
from imp_graphcheck.machine.abilities import abilities_of
from imp_graphcheck.machine.nvml import read_driver
from imp_graphcheck.record.machine import Driver, Machine, Torch

PROBE = ("-m", "imp_graphcheck.machine.probe_torch")
PROBE_TIMEOUT_SECONDS = 120


def examine() -> Machine:
    """Look at everything once."""
    torch, driver, found = examine_torch(), examine_driver(), packages.installed()
    return Machine(
        tool_version=imp_graphcheck.__version__,
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        system=platform.platform(),
        torch=torch,
        driver=driver,
        packages=found,
        warnings=packages.warnings(),
        abilities=abilities_of(torch, driver, found),
    )


def examine_torch(probe: tuple[str, ...] = PROBE) -> Torch:
    """Ask a child process about torch. Never raises for what the child does."""
    try:
        result = subprocess.run(
            [sys.executable, *probe], capture_output=True, timeout=PROBE_TIMEOUT_SECONDS, check=True
        )
        return msgspec.json.decode(result.stdout.splitlines()[-1], type=Torch)
    except subprocess.TimeoutExpired:
        return Torch(problem=f"importing torch did not end within {PROBE_TIMEOUT_SECONDS} s")
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="backslashreplace").strip().splitlines()
        return Torch(problem=said[-1] if said else f"importing torch ended the process ({error.returncode})")


def examine_driver() -> Driver:
    """Ask NVML."""
    try:
        import pynvml
    except ImportError as error:
        return Driver(problem=f"nvidia-ml-py is not installed ({error})")
    return read_driver(pynvml)


def encode_machine(machine: Machine) -> bytes:
    """One JSON document, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(machine), indent=2) + b"\n"
