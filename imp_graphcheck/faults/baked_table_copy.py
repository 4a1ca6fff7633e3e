"""The block table is copied inside the captured region, in the size that it had then.

The tail of a longer table is never copied: the pages behind it stay those of an earlier sequence. imp's audit of #178
left 95 such copies to be looked at by hand.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from imp_engine.engine import Engine
from imp_engine.kv_cache import NULL_BLOCK
from imp_graphcheck.faults.attention import Kernel, replaced_attention
from imp_graphcheck.faults.staged_step import noted_steps


class BakedTableCopy:
    """Pages past the captured length are the null block."""

    name = "baked-table-copy"
    code = "GC305"
    history = "imp #178: copies in the captured region whose size the host knows"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Attention reads a table of its own."""
        own = torch.full_like(engine.inputs.block_tables, NULL_BLOCK)
        with noted_steps(engine) as staged:

            def copy_first(kernel: Kernel) -> Kernel:
                def attention(
                    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
                ) -> Tensor:
                    pages = -(-staged.context // keys.shape[1])
                    sequences, width = tables.shape
                    own[:sequences].fill_(NULL_BLOCK)
                    for row in range(sequences):
                        own[row, :pages].copy_(tables[row, :pages])  # MARK launch
                    return kernel(query, keys, values, own[:sequences, :width], positions)

                return attention

            with replaced_attention(copy_first):
                yield
