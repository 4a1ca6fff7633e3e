"""What every trial imports first, for those who start many: see `child.template`."""

from contextlib import AbstractContextManager, nullcontext

from imp_graphcheck.child.template import Template, warm_template

IMPORTS = ("torch", "imp_graphcheck.capture.stages", "imp_graphcheck.target.resolve")
"""Neither of these looks at a GPU. Each device has its own, which `auto` cannot know without looking."""

DEVICE_IMPORTS = {"sim": ("imp_graphcheck.device.sim.device", "torch._dynamo")}
"""The software GPU asks torch's meta kernels for the shapes of results, and the first of them imports the latter."""

LATE_VARIABLES = ("CUDA_LAUNCH_BLOCKING", "CUDA_VISIBLE_DEVICES")
"""What the driver reads when it is initialised, which is in the trial."""


def warm_trials(device: str) -> AbstractContextManager[Template | None]:
    """A template for trials on `device`, for as long as the block lasts; none for a real card.

    That CUDA starts in a forked process has not been shown on one (tests/gpu/test_forked.py would).
    """
    if device not in DEVICE_IMPORTS:
        return nullcontext()
    return warm_template((*IMPORTS, *DEVICE_IMPORTS[device]), late=LATE_VARIABLES)
