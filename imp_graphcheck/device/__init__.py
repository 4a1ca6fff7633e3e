"""GPUs, behind one protocol: a real one through CUDA, and a software one that runs anywhere."""

from imp_graphcheck.device.protocol import (
    Device,
    DeviceError,
    GraphUnreadableError,
    StepError,
    StepRefusedError,
)
from imp_graphcheck.errors import UsageError

KINDS = ("cuda", "sim")

__all__ = [
    "KINDS",
    "Device",
    "DeviceError",
    "GraphUnreadableError",
    "StepError",
    "StepRefusedError",
    "open_device",
]


def open_device(kind: str) -> Device:
    """The device called `auto`, `cuda` or `sim`.

    `auto` is cuda where torch finds an NVIDIA GPU and sim elsewhere. Raises UsageError when the device that
    was asked for is not to be had, or not known.
    """
    if kind == "auto":
        kind = "cuda" if _has_cuda() else "sim"
    if kind == "sim":
        from imp_graphcheck.device.sim.device import SimDevice

        return SimDevice()
    if kind == "cuda":
        if not _has_cuda():
            raise UsageError(
                "--device cuda: torch finds no NVIDIA GPU on this machine.",
                hint="use --device sim, or run `imp-graphcheck doctor` to see what is missing",
            )
        from imp_graphcheck.device.cuda.device import CudaDevice

        return CudaDevice()
    raise UsageError(f"--device {kind}: unknown device (auto, cuda or sim).", hint="use --device auto")


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
