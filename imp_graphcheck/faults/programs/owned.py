"""Memory that a launch allocates (GC207). Graphs get such nodes from the driver only: the software GPU has none."""

import ctypes

from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling

BYTES = 1 << 20


class LeakedScratch(Doubling):
    """Scratch from the driver's stream-ordered allocator, given back outside of the captured region only."""

    free_inside = False

    def forward(self, call: Call) -> Tensor:
        if self.device.type == "cuda":
            scratch = self.allocated()
            if self.free_inside or not self.capturing:
                self.free(scratch)
        return self.x * 2

    def allocated(self) -> int:
        address = ctypes.c_uint64()
        _checked(_driver().cuMemAllocAsync(ctypes.byref(address), ctypes.c_size_t(BYTES), self.stream()))
        return address.value

    def free(self, address: int) -> None:
        _checked(_driver().cuMemFreeAsync(ctypes.c_uint64(address), self.stream()))

    def stream(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.module.current_stream().cuda_stream)


class FreedScratch(LeakedScratch):
    """The same, given back where it was taken."""

    free_inside = True


def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")


def _checked(result: int) -> None:
    if result:
        raise RuntimeError(f"the driver refuses: error {result}")
