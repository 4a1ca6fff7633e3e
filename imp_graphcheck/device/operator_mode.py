"""Dispatch modes that do not import torch's compiler."""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

_COMPILER = "torch._dynamo"

See = Callable[..., Any]


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator while the context is active: `see` calls it, and returns what it returned.

    Torch wraps `__torch_dispatch__` of every mode, so that its compiler leaves it alone. The first call of that wrapper
    imports the compiler, which takes seconds, and each call goes through four more frames. Here that is done in programs
    only that have the compiler anyway.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        see: See = type(self).see
        if _COMPILER in sys.modules:
            see = _left_alone(see)
        return see(self, func, args, kwargs or {})

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call `func`. The caller of the operator is two frames up."""
        return func(*args, **kwargs)


@cache
def _left_alone(see: See) -> See:
    """`see`, and all that it calls, as the compiler does not look at it."""
    left_alone: See = sys.modules[_COMPILER].disable(see, recursive=True)
    return left_alone
