# entry: Worker.step
"""Streams, events, seeds, other libraries, and functions of CUDA itself."""

import cupy
import torch
import torch.distributed as dist
import triton
from cuda.bindings import driver, runtime


@triton.jit
def kernel(x, n):
    x.item()  #! d2h no harmless


@triton.autotune(configs=[], key=["n"])
@triton.jit
def tuned(x, n):
    pass


@torch.compile
def fused(x: torch.Tensor):
    return x * 2


class Worker:
    def __init__(self, device):
        self.stream = torch.cuda.Stream()
        self.done = torch.cuda.Event()
        self.generator = torch.Generator(device=device)

    def step(self, x: torch.Tensor, other_stream, group):
        torch.cuda.synchronize()  #! sync yes forbidden
        self.stream.synchronize()  #! sync yes forbidden
        self.done.synchronize()  #! sync yes forbidden
        if self.done.query():  #! query yes forbidden
            x = x + 1
        self.stream.wait_stream(torch.cuda.current_stream())  #! xstream yes harmless
        self.done.record()  #! xstream yes harmless
        torch.cuda.current_stream().wait_event(self.done)  #! xstream yes harmless
        torch.cuda.current_stream().synchronize()  #! sync yes forbidden
        other_stream.synchronize()  #! sync yes forbidden
        x.record_stream(self.stream)  #! xstream yes harmless
        side = torch.cuda.Stream()  #! handle yes capture only
        event = torch.cuda.Event(enable_timing=True)  #! handle yes harmless
        torch.cuda.empty_cache()  #! free yes forbidden
        torch.manual_seed(3)  #! handle yes forbidden
        self.generator.manual_seed(3)  #! handle yes forbidden
        with torch.cuda.stream(side):
            x = x * 2
        dist.barrier(group)  #! sync yes forbidden
        dist.barrier(group=self.cpu_group)  #! sync yes harmless
        dist.all_reduce(x)
        dist.broadcast_object_list([1], src=0)  #! d2h yes forbidden
        kernel[(1,)](x, 3)  #! handle yes forbidden
        tuned[(1,)](x, 3)  #! handle yes forbidden
        fused(x)  #! handle yes forbidden
        cupy.asnumpy(x)  #! d2h yes forbidden
        runtime.cudaMemcpyAsync(x, x, 8, runtime.cudaMemcpyKind.cudaMemcpyHostToDevice, 0)  #! h2d yes
        driver.cuStreamSynchronize(0)  #! sync yes forbidden
        driver.cuMemAlloc(8)  #! alloc yes forbidden
        event.elapsed_time(self.done)  #! query yes forbidden
        return x
