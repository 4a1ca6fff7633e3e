"""Functions and classes of libraries, by their dotted names."""

import ast

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.builtin_calls import BuiltinCalls
from imp_graphcheck.source.python.guards import OTHER_PLATFORM, THIS_PLATFORM
from imp_graphcheck.source.python.values import (
    NUMBER,
    UNKNOWN,
    Const,
    ExternalObject,
    Func,
    Group,
    Host,
    Unknown,
    Value,
)

_LOOKS_ONLY = (
    "inspect.",
    "functools.wraps",
    "functools.update_wrapper",
    "typing.",
    "dataclasses.",
    "pickle.",
)
"""Libraries that look at functions and do not call them."""


class ExternalCalls(BuiltinCalls):
    """Calls of what is imported from outside of the tree."""

    def call_external(self, node: ast.Call, path: str, arguments: Arguments, line: int) -> Value:
        """What `path` names is called."""
        head, _, name = path.rpartition(".")
        if head == "builtins":
            return self.builtin(node, name, arguments, line)
        if path.startswith("torch."):
            value = self.torch_function(node, path, arguments)
            if any(
                isinstance(each, Func) for each in (*arguments.positional, *arguments.named.values())
            ) and name not in ("compile", "checkpoint"):
                self.hands_over(node, arguments, name, line)
            return value
        if name == "partial":
            function = arguments.get(0)
            if isinstance(function, Func):
                given = (*function.given, *arguments.positional[1:])
                named = (*function.named, *arguments.named.items())
                return Func(function.number, function.bound, function.closure, given, tuple(named))
            return function or UNKNOWN
        if path in ("os.getenv", "os.environ.get"):
            return self.environment(arguments)
        if path in ("threading.Thread", "threading.Timer"):
            return self.thread(node, arguments, line)
        if path in ("typing.cast", "typing_extensions.cast"):
            said = self.program.globals.annotation(node.args[0], self.file) if node.args else UNKNOWN
            return said if not isinstance(said, Unknown) else arguments.get(1) or UNKNOWN
        if path in ("copy.copy", "copy.deepcopy", "dataclasses.replace", "weakref.ref", "weakref.proxy"):
            return arguments.get(0) or UNKNOWN
        if path.startswith(("math.", "operator.index", "operator.truth")):
            for each in node.args:
                self.reads_quietly(
                    each,
                    self.memo.get(id(each), UNKNOWN),
                    "Tensor.__float__" if path.startswith("math.") else "Tensor.__index__",
                )
            return NUMBER
        if path in (
            "collections.defaultdict",
            "collections.OrderedDict",
            "collections.deque",
            "dict",
            "weakref.WeakKeyDictionary",
        ):
            return Group("list" if name == "deque" else "dict", UNKNOWN)
        if path == "logging.getLogger":
            return ExternalObject("logging.Logger")
        if path.startswith(("time.", "logging.", "warnings.", "os.", "re.", "json.", "sys.")):
            return Host()
        if path.startswith("triton."):
            return NUMBER if name in ("cdiv", "next_power_of_2") else UNKNOWN
        if OTHER_PLATFORM.match(name):
            return Const(False, "other platform")
        if THIS_PLATFORM.match(name):
            return Const(True, "other platform")
        if name == "find_spec":
            return UNKNOWN
        known = self.other_library(node, path, arguments)
        if known is not None:
            return known
        if path.startswith(_LOOKS_ONLY):
            return UNKNOWN
        self.hands_over(node, arguments, name, line)
        if name[:1].isupper():
            return ExternalObject(path)
        return UNKNOWN

    def environment(self, arguments: Arguments) -> Value:
        """A variable of the environment, or its default."""
        default = arguments.get(1, "default")
        if default is None:
            return Const(None, "environment")
        if isinstance(default, Const):
            return Const(default.value, "environment")
        return Host("environment")
