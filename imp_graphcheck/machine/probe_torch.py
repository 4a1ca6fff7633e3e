"""Run in a child process: import torch, open the devices, print what happened as one JSON line.

A broken torch, or a driver that takes the process down, then costs `doctor` one line of its report.
"""

import sys

import msgspec

from imp_graphcheck.record.machine import Torch


def probe() -> Torch:
    """The facts. Raises whatever `import torch` raises."""
    import torch

    return Torch(
        version=str(torch.__version__),
        built_for_cuda=torch.version.cuda,
        sim=_trouble_with("sim"),
        cuda=_trouble_with("cuda"),
    )


def _trouble_with(kind: str) -> str:
    from imp_graphcheck.device import open_device
    from imp_graphcheck.errors import UsageError

    try:
        open_device(kind)
    except UsageError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n" + msgspec.json.encode(probe()) + b"\n")
