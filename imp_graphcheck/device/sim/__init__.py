"""A software GPU: a PyTorch device named `sim`, in pure Python, with the semantics that captured graphs depend on.

`enable()` registers it; from then on `torch.empty(4, device="sim")`, `module.to("sim")`, streams, events, pinned
memory and graphs work, through `torch.get_device_module("sim")` as through `torch.cuda` on a real one.

The way of a call: torch -> `operators` (every aten operator arrives there) -> `launches` (what to run, on which
addresses) -> `gpu` (is it allowed, into which capture or queue) -> `queues` (in order) -> `execute` (by address, when
its turn comes).
"""

from imp_graphcheck.device.sim.backend import enable
from imp_graphcheck.device.sim.gpu import Gpu, current_gpu, reset

__all__ = ["Gpu", "current_gpu", "enable", "reset"]
