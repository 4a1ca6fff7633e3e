"""Methods: of tensors, of objects of libraries, of settings, and of objects that nobody knows."""

import ast

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.containers import Containers
from imp_graphcheck.source.python.external_calls import ExternalCalls
from imp_graphcheck.source.python.guards import OTHER_PLATFORM, THIS_PLATFORM
from imp_graphcheck.source.python.syntax import constant, dotted
from imp_graphcheck.source.python.torch_names import words
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    UNKNOWN,
    Const,
    Device,
    ExternalObject,
    Func,
    Group,
    Host,
    Method,
    Object,
    Tensor,
    Value,
    as_tensor,
    join,
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
_MOST_OWNERS = 12
_LOGS = words("debug info warning error critical exception warning_once info_once log")


class MethodCalls(Containers, ExternalCalls):
    """Calls of methods, where no function of the tree is known to be meant."""

    def call_method(self, node: ast.Call, callee: Method, arguments: Arguments, line: int) -> Value:
        """A method is called that is no function of the tree, as far as anybody knows."""
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
                    return self.thread(node, arguments, line)
                if name == "get" and of.what == "environ":
                    return self.environment(arguments)
                if of.what == "numpy" and name in ("tolist", "item"):
                    return NUMBER if name == "item" else Group("list", NUMBER)
                return of if of.what in ("numpy", "environment") else Host()
            case Device():
                return Host()
            case Group():
                return self.group_method(node, receiver, of, name, arguments, line)
            case ExternalObject():
                known = self.library_method(node, of, name, arguments)
                if known is not None:
                    return known
        if name in ("submit", "apply_async", "run_in_executor"):
            return self.thread(node, arguments, line)
        if name in _LOGS:
            self._logged(node, name)
        guess = self.unknown_method(node, receiver, name, arguments, of)
        if guess is not None and name not in ("to",):
            return guess
        if name in ("get", "getenv") and dotted(receiver) == "os.environ":
            return self.environment(arguments)
        if name == "register_forward_hook" or any(isinstance(each, Func) for each in arguments.positional):
            self.hands_over(node, arguments, name, line)
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
