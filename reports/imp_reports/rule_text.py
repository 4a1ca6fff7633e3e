"""What a page needs to know of a rule. The catalogue lies above this package; whoever renders hands it in."""

from collections.abc import Mapping
from typing import Protocol


class RuleText(Protocol):
    """One rule of the catalogue."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def remedy(self) -> str: ...


Rules = Mapping[str, RuleText]
