"""The mixture-of-experts feed-forward block, routed entirely on the device."""

from collections.abc import Iterator

import torch
from torch import Tensor

from imp_engine.config import MoeConfig
from imp_engine.layers.linear import Linear
from imp_kernels import grouped_matmul, silu_and_mul


class MoeBlock:
    """Each row goes through its top-k experts; their outputs are summed under the router's weights.

    The rows are copied once per chosen expert, sorted by expert, multiplied group by group and put back in place.
    Every row has one destination at every step, so nothing is accumulated atomically and equal inputs give equal bits.
    """

    def __init__(
        self, hidden_size: int, config: MoeConfig, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.top_k = config.experts_per_token
        self.normalize_top_k = config.normalize_top_k
        self.gate = Linear(hidden_size, config.num_experts, device=device, dtype=dtype)
        experts, size = config.num_experts, config.intermediate_size
        self.gate_up_proj = torch.empty(experts, 2 * size, hidden_size, device=device, dtype=dtype)
        self.down_proj = torch.empty(experts, hidden_size, size, device=device, dtype=dtype)
        self.expert_ids = torch.arange(experts, device=device)

    def __call__(self, hidden: Tensor) -> Tensor:
        """hidden [T, hidden_size]; returns the same shape."""
        weights, experts = self._route(hidden)
        sorted_experts, order = torch.sort(experts.reshape(-1), stable=True)
        offsets = torch.searchsorted(sorted_experts, self.expert_ids, right=True, out_int32=True)

        rows = hidden.index_select(0, order // self.top_k)
        rows = silu_and_mul(grouped_matmul(rows, self.gate_up_proj, offsets))
        rows = grouped_matmul(rows, self.down_proj, offsets)

        # `order` is a permutation: putting the rows back never writes one place twice.
        outputs = torch.empty_like(rows).index_copy_(0, order, rows).view(-1, self.top_k, hidden.shape[1])
        return (outputs * weights.unsqueeze(-1)).sum(dim=1)

    def _route(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [T, k] in the dtype of `hidden`, and the chosen experts [T, k] int64."""
        probabilities = torch.softmax(self.gate(hidden), dim=-1, dtype=torch.float32)
        weights, experts = torch.topk(probabilities, self.top_k, dim=-1)
        if self.normalize_top_k:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        return weights.to(hidden.dtype), experts

    def checkpoint_tensors(self, name: str, *, fused_experts: bool) -> Iterator[tuple[str, Tensor]]:
        """Names of a checkpoint's tensors, and the memory that each of them fills.

        Published checkpoints hold one matrix per expert and projection. `fused_experts` asks for the other form:
        all experts in one tensor, as transformers keeps them in memory.
        """
        yield from self.gate.checkpoint_tensors(f"{name}.gate")
        if fused_experts:
            yield f"{name}.experts.gate_up_proj", self.gate_up_proj
            yield f"{name}.experts.down_proj", self.down_proj
            return
        for expert, (gate_up, down) in enumerate(zip(self.gate_up_proj, self.down_proj, strict=True)):
            gate, up = gate_up.chunk(2)
            yield f"{name}.experts.{expert}.gate_proj.weight", gate
            yield f"{name}.experts.{expert}.up_proj.weight", up
            yield f"{name}.experts.{expert}.down_proj.weight", down
