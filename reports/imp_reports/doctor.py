"""A machine, as text to be pasted into an issue."""

from rich.console import Console

from imp_graphcheck.record.machine import Ability, Gpu, Machine
from imp_reports.text import print_line, print_title


def print_machine(machine: Machine, console: Console) -> None:
    """Print everything about `machine`: facts first, then what works."""
    torch, driver = machine.torch, machine.driver
    facts = [
        ("imp-graphcheck", machine.tool_version),
        ("python", machine.python),
        ("system", machine.system),
        ("torch", torch.problem or f"{torch.version}, built for {_cuda(torch.built_for_cuda)}"),
        ("driver", driver.problem or f"{driver.version}, CUDA up to {driver.cuda_version}"),
    ]
    facts += [(name, version or "not installed") for name, version in machine.packages.items()]
    _print_facts(facts, console)
    for gpu in driver.gpus:
        print_title(console, f"GPU {gpu.index}: {gpu.name}")
        _print_facts(_gpu_facts(gpu), console)
    for warning in machine.warnings:
        console.print()
        print_line(console, ("warning: ", "yellow"), warning)
    print_title(console, "What works here")
    for ability in machine.abilities:
        _print_ability(ability, console)


def _print_facts(facts: list[tuple[str, str]], console: Console) -> None:
    for name, value in facts:
        print_line(console, (f"{name + ':':<16}", "dim"), value)


def _print_ability(ability: Ability, console: Console) -> None:
    word, style = ("yes", "green") if ability.works else ("no", "red")
    print_line(console, (f"{word:<4}", style), ability.name)
    if not ability.works:
        print_line(console, f"      because  {ability.because}")
        print_line(console, f"      remedy   {ability.remedy}")


def _cuda(version: str | None) -> str:
    return "CPU only" if version is None else f"CUDA {version}"


def _gpu_facts(gpu: Gpu) -> list[tuple[str, str]]:
    facts = [
        ("capability", gpu.compute_capability),
        ("memory", _of(_mib(gpu.memory_used_bytes), _mib(gpu.memory_total_bytes), "MiB used")),
        ("SM clock", _of(gpu.sm_clock_mhz, gpu.sm_clock_max_mhz, "MHz")),
        ("memory clock", _of(gpu.memory_clock_mhz, gpu.memory_clock_max_mhz, "MHz")),
        ("power", _of(_whole(gpu.power_watts), _whole(gpu.power_limit_watts), "W")),
        ("temperature", None if gpu.temperature_celsius is None else f"{gpu.temperature_celsius} C"),
        ("clocks held by", _listed(gpu.clock_event_reasons, "nothing")),
        ("compute mode", gpu.compute_mode),
        ("ECC errors", None if gpu.ecc_uncorrected is None else f"{gpu.ecc_uncorrected} uncorrected"),
        ("processes", _listed(gpu.processes, "none")),
    ]
    return [(name, "not available" if value is None else value) for name, value in facts]


def _of(now: int | None, limit: int | None, unit: str) -> str | None:
    if now is None:
        return None
    return f"{now} {unit}" if limit is None else f"{now} of {limit} {unit}"


def _mib(value: int | None) -> int | None:
    return None if value is None else value // 2**20


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _listed(values: tuple[str, ...] | None, nothing: str) -> str | None:
    return None if values is None else "; ".join(values) or nothing
