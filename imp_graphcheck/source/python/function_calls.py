"""Functions and classes of the tree: what a call of them gives back, and who is handed one to call it later."""

import ast
import re

from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.guards import CAPTURING, OTHER_PLATFORM, THIS_PLATFORM, Guards
from imp_graphcheck.source.python.torch_calls import TorchCalls
from imp_graphcheck.source.python.torch_names import words
from imp_graphcheck.source.python.values import (
    UNKNOWN,
    ClassRef,
    Const,
    Func,
    Host,
    Object,
    Value,
    options_of,
)

_CACHES = words("lru_cache cache cached_property cached_method once lazy_property")
_KERNELS = words("triton.jit triton.heuristics numba.cuda.jit cuda.jit jit triton.autotune autotune")


class FunctionCalls(TorchCalls, Guards):
    """Calls of functions and classes of the tree."""

    def call_function(
        self,
        node: ast.expr,
        func: Func,
        arguments: Arguments,
        line: int,
        is_certain: bool = True,
        why: str = "",
    ) -> Value:
        """A call of a function of the tree."""
        function = self.index.functions[func.number]
        decorators = function.decorators
        if any(each in _KERNELS for each in decorators) and "jit" in " ".join(decorators):
            return UNKNOWN
        if OTHER_PLATFORM.match(function.name):
            return Const(False, "other platform")
        if THIS_PLATFORM.match(function.name):
            return Const(True, "other platform")
        if CAPTURING.search(function.name) and re.match(r"_?(is|in)_", function.name):
            return Const(True, "not capturing")
        wanted = self.is_wanted
        cache = next((each for each in decorators if each.rpartition(".")[2] in _CACHES), None)
        if any(each.endswith("torch.compile") for each in decorators):
            self.first_use(
                node, "torch.compile", line, f"{function.qualified} is compiled when it is first called"
            )
        if cache is not None:
            taken = function.signature
            own = len(taken.places) + len(taken.by_name) - (1 if function.owner >= 0 else 0)
            guard = self.plain_guard("once", node, f"@{cache}", "first call" if own <= 0 else "growth")
            with self.under(guard):
                value = self.edge(func, arguments, line, is_certain=is_certain, why=why, wants_value=wanted)
        else:
            value = self.edge(func, arguments, line, is_certain=is_certain, why=why, wants_value=wanted)
        self._wrappers(func, arguments, line, is_certain, why)
        return value

    def _wrappers(self, func: Func, arguments: Arguments, line: int, is_certain: bool, why: str) -> None:
        """What decorators of the tree put around a function."""
        for wrapper in self.program.wrappers(func.number):
            positional = [*([func.bound] if func.bound is not None else []), *arguments.positional]
            around = Arguments(positional, arguments.named, arguments.is_open)
            self.edge(wrapper, around, line, is_certain=is_certain, why=why, wants_value=False)

    def construct(
        self,
        node: ast.expr,
        cls: ClassRef,
        arguments: Arguments,
        line: int,
        is_certain: bool = True,
        why: str = "",
    ) -> Value:
        """A class is called."""
        made = Object(cls.cls)
        for name in ("__new__", "__init__", "__post_init__"):
            number = self.index.method(cls.cls, name)
            if number is None:
                continue
            func = Func(number, made)
            given = arguments if name == "__init__" else Arguments(is_open=True)
            context = self.program.context(func, given)
            if name == "__init__":
                self.program.constructed(cls.cls, context)
            self.edge(func, given, line, is_certain=is_certain, why=why, wants_value=False)
        if any(
            base.rpartition(".")[2] in ("Enum", "IntEnum", "StrEnum")
            for base in self.index.external_bases(cls.cls)
        ):
            return Host("enum")
        return made

    def hands_over(self, node: ast.Call, arguments: Arguments, name: str, line: int) -> None:
        """Functions that are handed to somebody who may call them."""
        given = [*arguments.positional, *arguments.named.values()]
        for value in given:
            for each in options_of(value):
                if not isinstance(each, Func):
                    continue
                at_once = name in names.RUNS_AT_ONCE
                self.edge(
                    each,
                    Arguments(is_open=True),
                    line,
                    is_certain=at_once and len(options_of(value)) == 1,
                    why="" if at_once else f"only where {name}() calls what it is handed",
                    wants_value=False,
                )

    def thread(self, node: ast.Call, arguments: Arguments, line: int) -> Value:
        """Functions among the arguments run in another thread."""
        with self.under(self.plain_guard("thread", node, "in another thread", "other")):
            for each in (*arguments.positional, *arguments.named.values()):
                if isinstance(each, Func):
                    self.edge(
                        each,
                        Arguments(is_open=True),
                        line,
                        is_certain=False,
                        why="it runs in another thread",
                        wants_value=False,
                    )
        return UNKNOWN
