"""What a machine is and what it can do: the document that `doctor --format json` prints."""

import msgspec

MACHINE_SCHEMA_VERSION = 1


class Gpu(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One GPU, as NVML saw it at one moment. None where the card or the permissions do not tell."""

    index: int
    name: str
    compute_capability: str | None = None
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    memory_clock_mhz: int | None = None
    memory_clock_max_mhz: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    temperature_celsius: int | None = None
    clock_event_reasons: tuple[str, ...] | None = None
    compute_mode: str | None = None
    ecc_uncorrected: int | None = None
    processes: tuple[str, ...] | None = None


class Driver(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The NVIDIA driver. `problem` is set, and the rest is empty, when it cannot be asked."""

    version: str = ""
    cuda_version: str = ""
    problem: str = ""
    gpus: tuple[Gpu, ...] = ()


class Torch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The installed torch. `problem` is set when it cannot be imported; `sim` and `cuda` say why that device
    cannot be opened, and are empty when it can."""

    version: str = ""
    built_for_cuda: str | None = None
    problem: str = ""
    sim: str = ""
    cuda: str = ""


class Ability(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing a user may want to do here."""

    name: str
    works: bool
    because: str = ""
    remedy: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything `doctor` found out. `packages` maps a distribution to its version, None if it is not there."""

    schema_version: int = MACHINE_SCHEMA_VERSION
    tool_version: str
    python: str
    system: str
    torch: Torch
    driver: Driver
    packages: dict[str, str | None] = {}
    warnings: tuple[str, ...] = ()
    abilities: tuple[Ability, ...] = ()
