"""What an engine announces while it runs. The engine does not know who listens."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from imp_engine.decode import DecodeBatch
    from imp_engine.graph import CapturedGraph
    from imp_engine.graph_key import Phase
    from imp_engine.prefill import PrefillChunk


def _ignore(*_: object) -> None:
    """The default of every hook."""


@dataclass(slots=True, kw_only=True)
class Hooks:
    """Optional callbacks. They run on the calling thread, never while a stream captures; what they raise goes up."""

    phase_changed: "Callable[[Phase], None]" = _ignore
    """The engine turns from prefill to decode or back."""
    captured: "Callable[[CapturedGraph], None]" = _ignore
    """A graph was captured. Nothing of it has run yet."""
    replayed: "Callable[[CapturedGraph], None]" = _ignore
    """A replay was launched; it may not have finished."""
    fallback: Callable[[Hashable, str], None] = _ignore
    """A step under this key ran eagerly although a graph was asked for; the text names the condition that closed."""
    invalidated: Callable[[Hashable, str], None] = _ignore
    """The graph under this key was dropped, for this reason."""
    chunk_logits: "Callable[[PrefillChunk | DecodeBatch, Tensor], None]" = _ignore
    """The logits [R, vocab] of a step, on the device. Copy what you keep: the next replay overwrites them."""
