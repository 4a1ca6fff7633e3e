"""The attention kernel of the engine, to be replaced by one with a mistake in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from torch import Tensor

from imp_engine.layers import attention as layer

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""See `imp_kernels.paged_attention`: query, key cache, value cache, block tables, positions."""


@contextmanager
def replaced_attention(wrap: Callable[[Kernel], Kernel]) -> Iterator[None]:
    """`wrap` gets the kernel that is in use, which may be one with another mistake."""
    with patch.object(layer, "paged_attention", wrap(vars(layer)["paged_attention"])):
        yield
