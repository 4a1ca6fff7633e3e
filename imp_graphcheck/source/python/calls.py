"""Calls: whom they reach, and what they give back."""

import ast
import re

from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.frame import Arguments
from imp_graphcheck.source.python.guards import CAPTURING, KEYED, OTHER_PLATFORM, THIS_PLATFORM, Guards
from imp_graphcheck.source.python.syntax import constant, dotted, line_of_call, name_of_call
from imp_graphcheck.source.python.torch_calls import TorchCalls
from imp_graphcheck.source.python.torch_names import words
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Const,
    Device,
    External,
    ExternalObject,
    Func,
    Group,
    Host,
    Method,
    Object,
    Super,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    join,
    options_of,
)

_EVERYWHERE = words(
    "append extend insert get items keys values pop update copy add remove clear index count sort reverse join split strip "
    "startswith endswith format replace lower upper read write close open flush encode decode setdefault discard size shape "
    "view reshape to item cpu cuda float half int long bool sum mean max min any all numpy tolist clone detach contiguous "
    "unsqueeze squeeze expand permute transpose flatten fill_ zero_ copy_ add_ mul_ log info debug warning error exception "
    "type dim numel put result submit send recv wait run start stop step reset parameters named_parameters state_dict "
    "load_state_dict eval train apply name cache __init__ from_pretrained save load exists mkdir is_file set"
)
"""Method names that say nothing of the class, because every library has them."""

_CACHES = words("lru_cache cache cached_property cached_method once lazy_property")
_MOST_OWNERS = 12
_MOST_VALUES = 3
"""Of how many functions that a call may mean somebody asks what they return."""
_LOOKS_ONLY = (
    "inspect.",
    "functools.wraps",
    "functools.update_wrapper",
    "typing.",
    "dataclasses.",
    "pickle.",
)
"""Libraries that look at functions and do not call them."""
_LOGS = words("debug info warning error critical exception warning_once info_once log")
_KERNELS = words("triton.jit triton.heuristics numba.cuda.jit cuda.jit jit triton.autotune autotune")


class Calls(TorchCalls, Guards):
    """Calls of functions, classes and objects."""

    def call(self, node: ast.Call) -> Value:
        """The value of a call; where it leads is noted."""
        if isinstance(node.func, ast.Name) and node.func.id == "super" and "super" not in self.names:
            return self._super(node)
        is_wanted, self.is_wanted = self.is_wanted, True
        callee = self.evaluate(node.func)
        arguments = self._arguments(node)
        self.is_wanted = is_wanted and len(options_of(callee)) <= _MOST_VALUES
        callable_options = [each for each in options_of(callee) if each != NONE]
        if len(callable_options) > 1:
            is_certain = False
            why = f"{self.text(node.func)}() may be one of several"
        else:
            is_certain, why = True, ""
        found = [self._one_call(node, each, arguments, is_certain, why) for each in callable_options]
        self.is_wanted = True
        return join(*found) if found else UNKNOWN

    def _arguments(self, node: ast.Call) -> Arguments:
        arguments = Arguments()
        for each in node.args:
            if isinstance(each, ast.Starred):
                inner = self.evaluate(each.value)
                if isinstance(inner, Group) and inner.items is not None:
                    arguments.positional.extend(inner.items)
                else:
                    arguments.is_open = True
                continue
            value = self.evaluate(each)
            if not arguments.is_open:
                arguments.positional.append(value)
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is None:
                arguments.is_open = True
            else:
                arguments.named[keyword.arg] = value
        return arguments

    def _super(self, node: ast.Call) -> Value:
        function = self.function
        if function is None:
            return UNKNOWN
        owner = self.index.owner(self.analysis.context.number)
        if len(node.args) == 2:
            named = self.index.class_named(dotted(node.args[0]), self.file)
            owner = named if named is not None else owner
        bound = self._own_object()
        if owner < 0:
            return UNKNOWN
        if isinstance(bound, Object):
            return Super(bound.cls, owner, bound.is_exact)
        return Super(owner, owner, False)

    def _own_object(self) -> Value | None:
        context = self.analysis.context
        while context.bound is None and context.closure >= 0:
            context = self.program.analyses[context.closure].context
        return context.bound

    def _one_call(
        self, node: ast.Call, callee: Value, arguments: Arguments, is_certain: bool, why: str
    ) -> Value:
        line = line_of_call(node)
        match callee:
            case Func():
                return self.call_function(node, callee, arguments, line, is_certain, why)
            case ClassRef():
                return self.construct(node, callee, arguments, line, is_certain, why)
            case Object():
                return self._call_object(node, callee, arguments, line, is_certain, why)
            case ExternalObject():
                return self._call_library_object(node, callee, arguments, line)
            case External():
                return self._call_external(node, callee.path, arguments, line)
            case Method():
                return self._call_method(node, callee, arguments, line)
            case Unknown():
                return self._call_unknown(node, arguments, line)
            case _:
                return UNKNOWN

    # functions of the tree

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

    def _call_object(
        self, node: ast.Call, of: Object, arguments: Arguments, line: int, is_certain: bool, why: str
    ) -> Value:
        targets: list[Value] = []
        own = self.program.method(of, "__call__")
        if not isinstance(own, Unknown):
            targets.append(own)
        if isinstance(own, Unknown) or self.index.is_module(of.cls):
            forward = self.program.method(of, "forward")
            may_be_module = self.index.is_module(of.cls) or any(self.index.external_bases(of.cls))
            if not isinstance(forward, Unknown) and may_be_module:
                targets.append(forward)
        values = []
        for target in targets:
            several = options_of(target)
            certain = is_certain and len(several) == 1
            for each in several:
                if isinstance(each, Func):
                    reason = why or ("" if certain else f"{self.text(node.func)}() may be of a class below")
                    values.append(self.call_function(node, each, arguments, line, certain, reason))
        if values:
            return join(*values)
        if self.index.is_module(of.cls):
            return self._through_containers(node, of, arguments, line)
        self.unknown_call(node.func, line)
        return UNKNOWN

    def _through_containers(self, node: ast.Call, of: Object, arguments: Arguments, line: int) -> Value:
        """A module without a forward of its own: one of torch, nn.Sequential or another."""
        bases = list(self.index.external_bases(of.cls))
        if any(base.endswith("Sequential") for base in bases):
            self.unknown_call(node.func, line)
        return Tensor()

    def _call_library_object(
        self, node: ast.Call, of: ExternalObject, arguments: Arguments, line: int
    ) -> Value:
        if of.path == "torch.nn.Sequential":
            value: Value = arguments.get(0) or UNKNOWN
            for part in of.parts:
                for each in options_of(part):
                    if isinstance(each, (Object, ExternalObject)):
                        value = self._one_call(node, each, Arguments([value]), len(options_of(part)) == 1, "")
            return value
        if of.path == "torch.nn.Module":
            self.unknown_call(node.func, line)
            return UNKNOWN
        if of.path.startswith("torch.nn."):
            given = self._given_tensors(arguments)
            memory = "device" if not given else given[0].memory
            return Tensor(memory, False)
        return UNKNOWN

    # unknown callees

    def _call_unknown(self, node: ast.Call, arguments: Arguments, line: int) -> Value:
        name = name_of_call(node)
        if OTHER_PLATFORM.match(name):
            return Const(False, "other platform")
        if THIS_PLATFORM.match(name):
            return Const(True, "other platform")
        if isinstance(node.func, ast.Attribute):
            return UNKNOWN
        if isinstance(node.func, ast.Subscript):
            return UNKNOWN
        self._hands_over(node, arguments, name, line)
        if (
            name not in self.names
            or not isinstance(node.func, ast.Name)
            or not any(name == given for given, _ in self.analysis.context.given)
        ):
            self.unknown_call(node.func, line)
        return UNKNOWN

    def _hands_over(self, node: ast.Call, arguments: Arguments, name: str, line: int) -> None:
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

    def _by_name(self, node: ast.Call, name: str, arguments: Arguments, line: int) -> Value:
        """A method of an object that nobody knows: whichever classes have one of this name."""
        if name in _EVERYWHERE or name.startswith("__"):
            return UNKNOWN
        numbers = self.index.methods_by_name.get(name, ())
        owners = {self.index.owner(number) for number in numbers}
        if not numbers:
            return UNKNOWN
        if len(owners) > _MOST_OWNERS:
            self.unknown_call(node.func, line)
            return UNKNOWN
        for number in numbers:
            if self.index.functions[number].is_abstract and len(numbers) > 1:
                continue
            func = Func(number, Object(self.index.owner(number), False))
            why = f"the object of {name}() is not known"
            self.edge(func, arguments, line, is_certain=False, why=why, wants_value=False)
        return UNKNOWN

    # methods

    def _call_method(self, node: ast.Call, callee: Method, arguments: Arguments, line: int) -> Value:
        of, name = callee.of, callee.name
        # A method may be called under another name: `read = x.item`.
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        match of:
            case Tensor():
                return self.tensor_method(node, of, name, arguments)
            case Const():
                if name == "format":
                    for each in (*node.args, *(keyword.value for keyword in node.keywords)):
                        self.shown(each, self.memo.get(id(each), UNKNOWN), "Tensor.__format__")
                return _const_method(of, name, arguments)
            case Host():
                if name in ("submit", "apply_async"):
                    return self._thread(node, arguments, line)
                if name == "get" and of.what == "environ":
                    return self._environment(arguments)
                if of.what == "numpy" and name in ("tolist", "item"):
                    return NUMBER if name == "item" else Group("list", NUMBER)
                return of if of.what in ("numpy", "environment") else Host()
            case Device():
                return Host()
            case Group():
                return self._group_method(node, receiver, of, name, arguments, line)
            case ExternalObject():
                known = self.library_method(node, of, name, arguments)
                if known is not None:
                    return known
        if name in ("submit", "apply_async", "run_in_executor"):
            return self._thread(node, arguments, line)
        if name in _LOGS:
            self._logged(node, name)
        guess = self.unknown_method(node, receiver, name, arguments, of)
        if guess is not None and name not in ("to",):
            return guess
        if name in ("get", "getenv") and dotted(receiver) == "os.environ":
            return self._environment(arguments)
        if name == "register_forward_hook" or any(isinstance(each, Func) for each in arguments.positional):
            self._hands_over(node, arguments, name, line)
        if name in ("is_current_stream_capturing", "is_capturing"):
            return Const(True, "not capturing")
        if OTHER_PLATFORM.match(name):
            return Const(False, "other platform")
        if THIS_PLATFORM.match(name):
            return Const(True, "other platform")
        if isinstance(of, Object) and name in ("to", "cuda", "eval", "train", "half", "float", "bfloat16"):
            return of
        if isinstance(of, Object) and name in ("parameters", "buffers"):
            return Group("list", Tensor("device"))
        if isinstance(of, Object) and name in ("register_buffer", "register_parameter", "add_module"):
            return self._register(node, name, arguments)
        if isinstance(of, ExternalObject) and of.path != "torch.nn.Module":
            return UNKNOWN
        if (
            isinstance(of, Object)
            and list(self.index.external_bases(of.cls))
            and not self.index.methods_by_name.get(name)
        ):
            return UNKNOWN
        if guess is not None:
            return guess
        return self._by_name(node, name, arguments, line)

    def _logged(self, node: ast.Call, name: str) -> None:
        """Arguments of a message, which are turned into words where somebody wants to read it."""
        for each in node.args[1:]:
            tensor = as_tensor(self.memo.get(id(each), UNKNOWN))
            if tensor is not None and tensor.is_sure and not tensor.is_host:
                unsure = Tensor(tensor.memory, is_sure=False)
                self.reads(
                    each, unsure, "Tensor.__format__", note=f"only where messages of {name}() are written"
                )

    def _register(self, node: ast.Call, name: str, arguments: Arguments) -> Value:
        attribute = constant(node.args[0]) if node.args else None
        value = arguments.get(
            1, {"register_buffer": "tensor", "register_parameter": "param"}.get(name, "module")
        )
        if attribute and value is not None and isinstance(node.func, ast.Attribute):
            tensor = as_tensor(value)
            if tensor is not None and name != "add_module":
                # It is moved with its module.
                value = Tensor("device", tensor.is_bool, tensor.rank)
            of = dotted(node.func.value)
            self.analysis.attributes[attribute] = join(
                value,
                *([self.analysis.attributes[attribute]] if attribute in self.analysis.attributes else []),
            )
            self.names[f"{of}.{attribute}"] = value
            self.store(f"{of}.{attribute}")
        return NONE

    def _thread(self, node: ast.Call, arguments: Arguments, line: int) -> Value:
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

    def _group_method(
        self, node: ast.Call, receiver: ast.expr, of: Group, name: str, arguments: Arguments, line: int
    ) -> Value:
        if name in ("append", "add", "insert", "extend", "appendleft", "setdefault", "update"):
            given = arguments.positional[-1] if arguments.positional else UNKNOWN
            added = element_of(given) if name in ("extend", "update") else given
            element = (
                added
                if isinstance(of.element, Unknown) and not of.items and of.items is not None
                else join(of.element, added)
            )
            self._replace(receiver, Group(of.kind, element))
            place = dotted(receiver)
            if place:
                self.store(self.aliases.get(place, place).removesuffix(KEYED))
            return of.element if name == "setdefault" else NONE
        if name in ("get", "pop", "popleft", "popitem"):
            key = arguments.get(0)
            found = item_of(of, key) if name == "get" else of.element
            default = arguments.get(1) if name == "get" else None
            if name == "get" and default is None:
                default = NONE
            return join(found, *([default] if default is not None else []))
        if name == "values":
            return Group("list", of.element)
        if name == "items":
            return Group("list", Group("tuple", UNKNOWN, (TEXT, of.element)))
        if name == "copy":
            return of
        if name in ("keys", "index", "count"):
            return Host()
        if of.kind == "modules" and name in ("to", "cuda", "eval", "train", "half"):
            return of
        return UNKNOWN

    def _replace(self, receiver: ast.expr, value: Value) -> None:
        """What `receiver` names is `value` from here on."""
        place = dotted(receiver)
        if not place:
            return
        if "." not in place and place not in self.names:
            return
        self.names[place] = value
        head, _, attribute = place.partition(".")
        if attribute and "." not in attribute and head == self.own_name():
            self.analysis.attributes[attribute] = value

    def own_name(self) -> str:
        """What the object is called in this method: `self`."""
        raise NotImplementedError

    # functions and classes of libraries

    def _call_external(self, node: ast.Call, path: str, arguments: Arguments, line: int) -> Value:
        head, _, name = path.rpartition(".")
        if head == "builtins":
            return self.builtin(node, name, arguments, line)
        if path.startswith("torch."):
            value = self.torch_function(node, path, arguments)
            if any(
                isinstance(each, Func) for each in (*arguments.positional, *arguments.named.values())
            ) and name not in ("compile", "checkpoint"):
                self._hands_over(node, arguments, name, line)
            return value
        if name == "partial":
            function = arguments.get(0)
            if isinstance(function, Func):
                given = (*function.given, *arguments.positional[1:])
                named = (*function.named, *arguments.named.items())
                return Func(function.number, function.bound, function.closure, given, tuple(named))
            return function or UNKNOWN
        if path in ("os.getenv", "os.environ.get"):
            return self._environment(arguments)
        if path in ("threading.Thread", "threading.Timer"):
            return self._thread(node, arguments, line)
        if path in ("typing.cast", "typing_extensions.cast"):
            said = self.program.annotation(node.args[0], self.file) if node.args else UNKNOWN
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
        self._hands_over(node, arguments, name, line)
        if name[:1].isupper():
            return ExternalObject(path)
        return UNKNOWN

    def _environment(self, arguments: Arguments) -> Value:
        default = arguments.get(1, "default")
        if default is None:
            return Const(None, "environment")
        if isinstance(default, Const):
            return Const(default.value, "environment")
        return Host("environment")

    def builtin(self, node: ast.Call, name: str, arguments: Arguments, line: int) -> Value:
        """A function or class that is always there."""
        raise NotImplementedError

    def attribute_of(self, node: ast.expr, of: Value, name: str) -> Value:
        """`of.name`."""
        raise NotImplementedError


def item_of(of: Group, key: Value | None) -> Value:
    """What a container holds under `key`."""
    if of.items is not None and of.keys is not None and isinstance(key, Const) and key.value in of.keys:
        return of.items[of.keys.index(key.value)]
    return of.element


def _const_method(of: Const, name: str, arguments: Arguments) -> Value:
    """Methods of strings that settings go through."""
    given = [each.value for each in arguments.positional if isinstance(each, Const)]
    if isinstance(of.value, str) and len(given) == len(arguments.positional):
        text = of.value
        if name in ("lower", "upper", "strip") and not given:
            return Const(getattr(text, name)(), of.why)
        if name in ("startswith", "endswith") and len(given) == 1 and isinstance(given[0], str):
            return Const(getattr(text, name)(given[0]), of.why)
    return Host("environment") if of.why == "environment" else Host()
