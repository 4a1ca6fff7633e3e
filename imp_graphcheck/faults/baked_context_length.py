"""Attention over as many pages as the sequence had when it was captured.

A launch for the pages in use is cheaper than one for all that there may be, and its size is fixed in the graph: a longer
sequence is cut off. imp's captured verify chunk needed lengths that live on the device before it was right (#855 to #859).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from imp_engine.engine import Engine
from imp_graphcheck.faults.attention import Kernel, replaced_attention
from imp_graphcheck.faults.staged_step import noted_steps


class BakedContextLength:
    """No error: right at the context that was captured, cut off at every longer one."""

    name = "baked-context-length"
    code = "GC302"
    history = "imp #855, #859: lengths known to the host only"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Cut the block tables to the pages in use."""
        with noted_steps(engine) as staged:

            def cut(kernel: Kernel) -> Kernel:
                def attention(
                    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
                ) -> Tensor:
                    pages = -(-staged.context // keys.shape[1])
                    return kernel(query, keys, values, tables[:, :pages], positions)

                return attention

            with replaced_attention(cut):
                yield
