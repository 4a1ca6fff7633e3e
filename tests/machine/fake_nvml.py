"""A driver with one card that supports some things and not others."""

from types import SimpleNamespace
from typing import Any


class NVMLError(Exception):
    """As in pynvml."""


class FakeNvml:
    """What `nvml.py` needs of the pynvml module. A reading that is missing from `readings` is not supported."""

    NVMLError = NVMLError
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2
    NVML_TEMPERATURE_GPU = 0
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1
    NVML_VOLATILE_ECC = 0

    def __init__(
        self, *, init_error: str = "", count_error: str = "", readings: dict[str, Any] | None = None
    ) -> None:
        self._init_error = init_error
        self._count_error = count_error
        self._readings = READINGS if readings is None else readings
        self.shut_down = False

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's own names
        if self._init_error:
            raise NVMLError(self._init_error)

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.shut_down = True

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        if self._count_error:
            raise NVMLError(self._count_error)
        return 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.65.06"

    def nvmlSystemGetCudaDriverVersion(self) -> int:  # noqa: N802
        return 13010

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return f"card {index}"

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvmlDeviceGet"):
            raise AssertionError(f"NVML may only be asked, and {name} is no question")

        def ask(handle: str, *arguments: object) -> Any:
            assert handle == "card 0"
            try:
                return self._readings[(name, *arguments)]
            except KeyError:
                raise NVMLError("Not Supported") from None

        return ask


READINGS: dict[tuple[Any, ...], Any] = {
    ("nvmlDeviceGetName",): "NVIDIA H200",
    ("nvmlDeviceGetCudaComputeCapability",): (9, 0),
    ("nvmlDeviceGetMemoryInfo",): SimpleNamespace(total=141 << 30, used=1 << 30),
    ("nvmlDeviceGetClockInfo", 1): 1200,
    ("nvmlDeviceGetMaxClockInfo", 1): 1980,
    ("nvmlDeviceGetClockInfo", 2): 3201,
    ("nvmlDeviceGetMaxClockInfo", 2): 3201,
    ("nvmlDeviceGetPowerUsage",): 118_400,
    ("nvmlDeviceGetEnforcedPowerLimit",): 700_000,
    ("nvmlDeviceGetTemperature", 0): 41,
    ("nvmlDeviceGetCurrentClocksEventReasons",): 0x4 | 0x40,
    ("nvmlDeviceGetComputeMode",): 3,
    ("nvmlDeviceGetTotalEccErrors", 1, 0): 0,
    ("nvmlDeviceGetComputeRunningProcesses",): [
        SimpleNamespace(pid=7, usedGpuMemory=2 << 20),
        SimpleNamespace(pid=8, usedGpuMemory=None),
    ],
}
