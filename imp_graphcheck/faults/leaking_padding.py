"""A scale over all rows of the bucket, padding included.

A chunk that does not fill its bucket is then computed with a scale that depends on what lies in the padding. imp pads a
chunk to the rows of its graph (#2435), and scales of quantised activations are taken over rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from imp_engine.engine import Engine
from imp_graphcheck.faults.attention import Kernel, replaced_attention


class LeakingPadding:
    """Eager and captured agree: both compute the bucket."""

    name = "leaking-padding"
    code = "GC402"
    history = "imp #2435: graphs keyed by padded rows"
    probe = "padding"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Divide every query by the largest of all rows."""

        def scaled(kernel: Kernel) -> Kernel:
            def attention(
                query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
            ) -> Tensor:
                scale = query.abs().amax()
                return kernel(query / (scale + 1), keys, values, tables, positions)

            return attention

        with replaced_attention(scaled):
            yield
