"""One attention kernel for short contexts and another for long ones, chosen by the host.

imp had a second way for long prompts whose launches stayed those of the captured length (#948, #950): the trigger that
should have captured anew never tripped.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from imp_engine.engine import Engine
from imp_graphcheck.faults.attention import Kernel, replaced_attention
from imp_graphcheck.faults.staged_step import noted_steps

LONGEST_SHORT_CONTEXT = 100


class BakedKernelChoice:
    """The kernels of the captured call, whatever the context."""

    name = "baked-kernel-choice"
    code = "GC303"
    history = "imp #948, #950: stale launch topology"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Long contexts take the rows in two halves, and the halves see half of the pages too few."""
        with noted_steps(engine) as staged:

            def choose(kernel: Kernel) -> Kernel:
                def attention(
                    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
                ) -> Tensor:
                    if staged.context <= LONGEST_SHORT_CONTEXT:
                        return kernel(query, keys, values, tables, positions.clamp(max=LONGEST_SHORT_CONTEXT))
                    halves = zip(query.tensor_split(2, dim=1), positions.tensor_split(2, dim=1), strict=True)
                    parts = [kernel(rows, keys, values, tables, at) for rows, at in halves if rows.numel()]
                    return torch.cat(parts, dim=1)

                return attention

            with replaced_attention(choose):
                yield
