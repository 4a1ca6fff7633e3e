"""Calls of `cuda-bindings`: each function returns its result code, and then its values."""

from collections.abc import Callable
from typing import Any

from imp_graphcheck.device.cuda.graph_driver import DriverError

_SUCCESS = 0


class Calls:
    """`module` is `cuda.bindings.driver`, or anything with its functions; `label` is what a refusal calls it."""

    def __init__(self, module: Any, label: str) -> None:
        self._module = module
        self._label = label

    def __call__(self, name: str, *arguments: Any) -> list[Any]:
        """The values that the function of that name returns. Raises DriverError."""
        result, *values = self.invoke(name, *arguments)
        self.check(name, result)
        return values

    def invoke(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """The result code and the values. Raises DriverError for a function that is not there."""
        function: Callable[..., tuple[Any, ...]] | None = getattr(self._module, name, None)
        if function is None:
            raise DriverError(name, f"{self._label} does not have it")
        try:
            return function(*arguments)
        except RuntimeError as error:  # how the bindings say that the driver has no such function
            raise DriverError(name, str(error)) from error
        except ValueError as error:  # a number that is newer than the enumerations of the bindings
            raise DriverError(name, f"{self._label} is older than the driver: {error}") from error

    def check(self, name: str, result: Any) -> None:
        """Raise DriverError unless `result` is success."""
        if int(result) != _SUCCESS:
            raise DriverError(name, str(getattr(result, "name", result)))
