"""What every trial imports first, for those who start many: see `child.template`."""

from contextlib import AbstractContextManager
from pathlib import Path

from imp_graphcheck.child.template import Template, warm_template

IMPORTS = ("torch", "imp_graphcheck.capture.stages", "imp_graphcheck.target.resolve")
"""None of these looks at a GPU."""

DEVICE_IMPORTS = {
    "sim": ("imp_graphcheck.device.sim.device", "torch._dynamo"),
    "cuda": ("imp_graphcheck.device.cuda.device",),
}
"""The software GPU asks torch's meta kernels for the shapes of results, and the first of them imports `torch._dynamo`."""

_NVIDIA_CONTROL = Path("/dev/nvidiactl")

LATE_VARIABLES = ("CUDA_LAUNCH_BLOCKING", "CUDA_VISIBLE_DEVICES")
"""What the driver reads when it is initialised, which is in the trial."""


def warm_trials(device: str) -> AbstractContextManager[Template]:
    """A template for trials on `device`, for as long as the block lasts.

    What `auto` means is the trial's to find out; here it only decides what is imported beforehand.
    """
    if device == "auto":
        device = "cuda" if _NVIDIA_CONTROL.exists() else "sim"
    return warm_template((*IMPORTS, *DEVICE_IMPORTS[device]), late=LATE_VARIABLES)
