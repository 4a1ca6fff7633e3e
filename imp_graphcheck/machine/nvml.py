"""The driver and its GPUs through NVML. Only queries: no clock, mode or limit is ever set."""

from collections.abc import Callable
from typing import Any, TypeVar

from imp_graphcheck.record.machine import Driver, Gpu

T = TypeVar("T")

# nvml.h, nvmlClocksEventReasons
CLOCK_EVENT_REASONS = {
    0x001: "idle",
    0x002: "application clocks set",
    0x004: "software power cap",
    0x008: "hardware slowdown",
    0x010: "sync boost",
    0x020: "software thermal slowdown",
    0x040: "hardware thermal slowdown",
    0x080: "power brake",
    0x100: "display clocks set",
}

COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}


def read_driver(nvml: Any) -> Driver:
    """Ask the driver through `nvml`, the module that nvidia-ml-py installs as `pynvml`."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return Driver(problem=f"no NVIDIA driver answers ({error})")
    try:
        count = nvml.nvmlDeviceGetCount()
        return Driver(
            version=str(nvml.nvmlSystemGetDriverVersion()),
            cuda_version=_cuda_version(nvml.nvmlSystemGetCudaDriverVersion()),
            gpus=tuple(_read_gpu(nvml, index) for index in range(count)),
        )
    except nvml.NVMLError as error:
        return Driver(problem=f"the NVIDIA driver answers with an error ({error})")
    finally:
        nvml.nvmlShutdown()


def decode_reasons(bits: int) -> tuple[str, ...]:
    """The reasons in a mask, in words; a bit that this table lacks as its number."""
    words = [word for bit, word in CLOCK_EVENT_REASONS.items() if bits & bit]
    unknown = bits & ~sum(CLOCK_EVENT_REASONS)
    return (*words, f"reason 0x{unknown:x}") if unknown else tuple(words)


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _read_gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(function: str, *arguments: object, read: Callable[[Any], T]) -> T | None:
        """One reading; None where the card does not support it or the user may not see it."""
        try:
            return read(getattr(nvml, function)(handle, *arguments))
        except nvml.NVMLError:
            return None

    return Gpu(
        index=index,
        name=str(nvml.nvmlDeviceGetName(handle)),
        compute_capability=ask(
            "nvmlDeviceGetCudaComputeCapability", read=lambda pair: f"{pair[0]}.{pair[1]}"
        ),
        memory_total_bytes=ask("nvmlDeviceGetMemoryInfo", read=lambda memory: int(memory.total)),
        memory_used_bytes=ask("nvmlDeviceGetMemoryInfo", read=lambda memory: int(memory.used)),
        sm_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM, read=int),
        sm_clock_max_mhz=ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM, read=int),
        memory_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM, read=int),
        memory_clock_max_mhz=ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM, read=int),
        power_watts=ask("nvmlDeviceGetPowerUsage", read=lambda milliwatts: milliwatts / 1000),
        power_limit_watts=ask("nvmlDeviceGetEnforcedPowerLimit", read=lambda milliwatts: milliwatts / 1000),
        temperature_celsius=ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU, read=int),
        clock_event_reasons=ask("nvmlDeviceGetCurrentClocksEventReasons", read=decode_reasons),
        compute_mode=ask("nvmlDeviceGetComputeMode", read=lambda mode: COMPUTE_MODES.get(mode, str(mode))),
        ecc_uncorrected=ask(
            "nvmlDeviceGetTotalEccErrors",
            nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            nvml.NVML_VOLATILE_ECC,
            read=int,
        ),
        processes=ask("nvmlDeviceGetComputeRunningProcesses", read=_describe_processes),
    )


def _describe_processes(processes: list[Any]) -> tuple[str, ...]:
    return tuple(
        f"pid {process.pid}"
        + ("" if process.usedGpuMemory is None else f", {process.usedGpuMemory / 2**20:.0f} MiB")
        for process in processes
    )
