"""Device code of the reference engine: one file per kernel.

Each file holds the plain-torch twin that *defines* the kernel and a wrapper that picks the implementation. No
kernel synchronizes, copies from the host, or branches on a value that lives on the device, so each may be called
inside a graph capture, on any torch device.

    >>> import torch
    >>> from imp_kernels import rms_norm
    >>> rms_norm(torch.ones(2, 8), torch.ones(8), eps=1e-6).shape
    torch.Size([2, 8])
"""

from imp_kernels.grouped_matmul import grouped_matmul
from imp_kernels.kv_write import kv_write
from imp_kernels.paged_attention import paged_attention
from imp_kernels.rms_norm import rms_norm
from imp_kernels.rotary import apply_rotary
from imp_kernels.silu_and_mul import silu_and_mul

__all__ = ["apply_rotary", "grouped_matmul", "kv_write", "paged_attention", "rms_norm", "silu_and_mul"]
