"""What a fault of the reference engine is."""

from contextlib import AbstractContextManager
from typing import Protocol

from imp_engine.engine import Engine


class EngineFault(Protocol):
    """A mistake of imp's history (github.com/kekzl/imp), put into the engine while the context is active.

    `name` is what the user types, `code` the rule it must fire, `history` where it happened. One that only an
    intervention shows has `probe`, the word of `capture --probe` for it.
    """

    @property
    def name(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def history(self) -> str: ...

    def applied(self, engine: Engine) -> AbstractContextManager[None]:
        """Patch `engine`, and undo it at the end."""
        ...
