"""One matrix multiplication per expert, over rows that are sorted by expert.

Note [routing stays on the device]
    Which rows belong to which expert is known to the device only. Reading the offsets on the host would
    synchronize, and inside a capture it would freeze one routing into the graph. So this is an operator of its own:
    the CUDA implementation hands the offsets to the kernel, while the CPU implementation, which runs "on the
    device", may read them. A device without an implementation here falls back as its backend says.
"""

import torch
from torch import Tensor


def grouped_matmul(x: Tensor, weight: Tensor, offsets: Tensor) -> Tensor:
    """`x[i] @ weight[e].T` for each row i of expert e.

    x [N, K], rows sorted by expert, contiguous; weight [E, M, K], contiguous, as checkpoints store it; offsets [E]
    int32 on the device of x: expert e owns the rows offsets[e-1] to offsets[e], and offsets[-1] == N.
    Returns [N, M] in the dtype of x. Never synchronizes, never copies the weights.
    """
    result: Tensor = _grouped_matmul(x, weight, offsets)
    return result


def _loop_over_offsets(x: Tensor, weight: Tensor, offsets: Tensor) -> Tensor:
    """The definition: one product per expert that has rows."""
    out = x.new_zeros(x.shape[0], weight.shape[1])
    start = 0
    for expert, end in enumerate(offsets.tolist()):
        if end > start:
            torch.matmul(x[start:end], weight[expert].t(), out=out[start:end])
        start = end
    return out


_grouped_matmul = torch.library.custom_op(
    "imp_kernels::grouped_matmul", _loop_over_offsets, mutates_args=(), device_types="cpu"
)


@_grouped_matmul.register_fake
def _(x: Tensor, weight: Tensor, offsets: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[1])


@_grouped_matmul.register_kernel("cuda")
def _(x: Tensor, weight: Tensor, offsets: Tensor) -> Tensor:
    if _has_grouped_kernel(x, weight):
        # The transposed view is the layout the kernel wants (K contiguous): no copy.
        return torch._grouped_mm(x, weight.transpose(1, 2), offs=offsets)
    return dense_over_experts(x, weight, offsets)


def dense_over_experts(x: Tensor, weight: Tensor, offsets: Tensor) -> Tensor:
    """Every expert multiplies every row, and each row keeps its own expert's product.

    E times the work, but the launches do not depend on the routing: the capture-safe way where no grouped kernel
    exists (float32, older cards).
    """
    rows = torch.arange(x.shape[0], device=x.device, dtype=torch.int32)
    expert_of_row = torch.searchsorted(offsets, rows, right=True).unsqueeze(1)
    out = x.new_zeros(x.shape[0], weight.shape[1])
    for expert in range(weight.shape[0]):
        product = torch.matmul(x, weight[expert].t())
        out = torch.where(expert_of_row == expert, product, out)
    return out


def _has_grouped_kernel(x: Tensor, weight: Tensor) -> bool:
    """Whether torch runs this product as one kernel. Elsewhere its own fallback reads the offsets on the host."""
    major, _ = torch.cuda.get_device_capability(x.device)
    row_bytes = weight.shape[2] * weight.element_size()
    return x.dtype is torch.bfloat16 and major in (9, 10) and row_bytes % 16 == 0
