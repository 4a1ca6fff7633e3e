"""A stand-in for cupti-python: a subscriber, callback ids with the names of the real ones, and calls made by hand."""

import ctypes
import enum
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


class CallbackDomain(enum.IntEnum):
    DRIVER_API = 1
    RUNTIME_API = 2


runtime_api_trace_cbid = enum.IntEnum(  # type: ignore[misc]
    "runtime_api_trace_cbid",
    "cudaMalloc_v3020 cudaFreeHost_v3020 cudaHostAlloc_v3020 cudaMemcpyAsync_v3020 cudaMemcpyAsync_ptsz_v7000 "
    "cudaStreamSynchronize_v3020 cudaEventQuery_v3020 cudaEventRecord_v3020 cudaStreamWaitEvent_v3020 "
    "cudaStreamBeginCapture_v10000 cudaStreamEndCapture_v10000 cudaGraphLaunch_v10000 cudaLaunchKernel_v7000 "
    "cudaStreamIsCapturing_v10000",
)
driver_api_trace_cbid = enum.IntEnum(  # type: ignore[misc]
    "driver_api_trace_cbid", "cuMemcpyHtoDAsync_v2 cuMemAlloc_v2 cuLaunchKernel cuStreamBeginCapture_v2"
)


class CallbackData:
    """`ptr` leads to the struct that CUPTI hands over: site, name, parameters, result."""

    def __init__(self, callback_site: int, function_params: int, function_return_value: int) -> None:
        self._words = (ctypes.c_uint64 * 4)(callback_site, 0, function_params, function_return_value)
        self.ptr = ctypes.addressof(self._words)


@dataclass
class FakeCupti:
    """The module. `enabled` is what was asked for; `refuses` is why `subscribe` fails."""

    refuses: str = ""
    enabled: set[tuple[int, int]] = field(default_factory=set)
    callback: Callable[..., None] | None = None
    unsubscribed: int = 0
    CallbackDomain: Any = CallbackDomain
    runtime_api_trace_cbid: Any = runtime_api_trace_cbid
    driver_api_trace_cbid: Any = driver_api_trace_cbid

    def subscribe(self, callback: Callable[..., None], userdata: object) -> int:
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.callback = callback
        return 7

    def enable_callback(self, enable: int, subscriber: int, domain: int, number: int) -> None:
        assert (enable, subscriber) == (1, 7)
        self.enabled.add((int(domain), int(number)))

    def unsubscribe(self, subscriber: int) -> None:
        self.unsubscribed = subscriber
        self.callback = None

    @contextmanager
    def calling(self, name: str, arguments: Sequence[int] = (), result: int = 0) -> Any:
        """A call of the program; what is called in the block is called by the driver itself meanwhile."""
        domain, number = self._id(name)
        params = (ctypes.c_uint64 * 10)(*arguments)
        returned = ctypes.c_int(result)
        self._tell(domain, number, CallbackData(0, ctypes.addressof(params), 0))
        yield
        self._tell(domain, number, CallbackData(1, ctypes.addressof(params), ctypes.addressof(returned)))

    def call(self, name: str, arguments: Sequence[int] = (), result: int = 0) -> None:
        with self.calling(name, arguments, result):
            pass

    def _id(self, name: str) -> tuple[int, int]:
        for domain, ids in ((2, runtime_api_trace_cbid), (1, driver_api_trace_cbid)):
            if name in ids.__members__:
                return domain, int(ids[name])
        raise KeyError(name)

    def _tell(self, domain: int, number: int, data: CallbackData) -> None:
        if self.callback is not None and (domain, number) in self.enabled:
            self.callback(None, domain, number, data)
