"""The machine, as a reader of a report needs to know it."""

import platform
from importlib import metadata

import torch

from imp_graphcheck.device.cuda.drivers import open_driver
from imp_graphcheck.device.cuda.graph_driver import DriverError
from imp_graphcheck.device.protocol import GraphUnreadableError


def describe(device: int) -> dict[str, str]:
    """The card, what drives it, and what reads its graphs. Works without cuda-bindings."""
    card = torch.cuda.get_device_properties(device)
    return {
        "device": card.name,
        "compute_capability": f"{card.major}.{card.minor}",
        "multiprocessors": str(card.multi_processor_count),
        "device_memory_bytes": str(card.total_memory),
        **_driver(),
        "cuda_runtime": str(torch.version.cuda),
        "torch": torch.__version__,
        "cuda_bindings": _version("cuda-bindings"),
        "host": f"{platform.system()} {platform.machine()}",
    }


def _driver() -> dict[str, str]:
    try:
        driver = open_driver()
        version = driver.version()
    except (DriverError, GraphUnreadableError) as error:
        return {"graph_reader": f"none: {error}"}
    return {
        "cuda_driver": f"supports CUDA {version // 1000}.{version % 1000 // 10}",
        "graph_reader": driver.label,
    }


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
