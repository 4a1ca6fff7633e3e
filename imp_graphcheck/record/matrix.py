"""The outcome of a selftest: every rule against a fault that must fire it and a twin that must not."""

import msgspec


class MatrixRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One pair. `problem` says what is wrong with it; empty when the fault fired at its line and the twin was silent.

    `right_lines` is None for pairs whose fault has no line of its own. `shown` is False where the device cannot show
    the fault, and silence is right.
    """

    code: str
    fault: str
    twin: str
    fired: bool
    right_lines: bool | None
    twin_silent: bool
    seconds: float
    problem: str = ""
    shown: bool = True

    @property
    def passed(self) -> bool:
        """Whether the pair did what it must."""
        return not self.problem


class Matrix(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All pairs on one device."""

    schema_version: int = 1
    device: str
    tool_version: str
    environment: dict[str, str] = {}
    rows: tuple[MatrixRow, ...] = ()
