"""Names of modules: what they mean there, in annotations, and inside of other modules."""

import ast
import builtins
from collections.abc import Callable

from imp_graphcheck.source.python.analysis import Analysis
from imp_graphcheck.source.python.annotations import annotated
from imp_graphcheck.source.python.index import Found, Index
from imp_graphcheck.source.python.values import (
    TEXT,
    UNKNOWN,
    ClassRef,
    Const,
    External,
    Func,
    Group,
    ModuleRef,
    Options,
    Unknown,
    Value,
    join,
)

_BUILTINS = frozenset(dir(builtins))


class Globals:
    """`values` reads the names that a module assigns, `is_being_read` tells whether that goes on just now."""

    def __init__(
        self, index: Index, values: Callable[[str], Analysis], is_being_read: Callable[[str], bool]
    ) -> None:
        self._index = index
        self._values = values
        self._is_being_read = is_being_read
        self._known: dict[tuple[str, str], Value] = {}

    def value(self, file: str, name: str) -> Value:
        """What `name` means in a module."""
        key = (file, name)
        known = self._known.get(key)
        if known is not None:
            return known
        self._known[key] = UNKNOWN
        found = [self.meaning(each, name) for each in self._index.find_name(file, name)]
        if found:
            value = join(*found)
        elif name in _BUILTINS:
            value = External(f"builtins.{name}")
        elif name == "__file__" or name == "__name__":
            value = TEXT
        else:
            value = UNKNOWN
        if isinstance(value, Options):
            # An import that is tried, and None or a stand-in where it fails.
            better = [each for each in value.options if not isinstance(each, (Const, Unknown))]
            value = join(*better) if better else value
        is_assigned = any(each.kind == "assign" for each in self._index.find_name(file, name))
        if is_assigned and self._is_being_read(file):
            # It may be something else by the end of the module.
            del self._known[key]
        else:
            self._known[key] = value
        return value

    def dotted(self, file: str, name: str) -> Value:
        """What a name with dots means in a module."""
        head, *rest = name.split(".")
        value = self.value(file, head)
        for part in rest:
            value = self.inside(value, part, file) if isinstance(value, (ModuleRef, External)) else UNKNOWN
        return value

    def inside(self, module: ModuleRef | External, name: str, asker: str) -> Value:
        """`module.name`."""
        if isinstance(module, External):
            inner = self._index.find_module(f"{module.path}.{name}", asker)
            if inner is not None:
                return ModuleRef(inner, f"{module.path}.{name}")
            return External(f"{module.path}.{name}")
        value = self.value(module.file, name)
        if not isinstance(value, Unknown) and value != External(f"builtins.{name}"):
            if (
                isinstance(value, Const)
                and not value.why
                and "__getattr__" in self._index.files[module.file].bindings
            ):
                # Its annotation says the default; `__getattr__` asks the environment.
                return Const(value.value, "environment")
            return value
        inner = self._index.find_module(f"{self._index.module_of(module.file)}.{name}", asker)
        if inner is not None:
            return ModuleRef(inner)
        found = [
            self.meaning(each, name)
            for each in self._index.find_in(self._index.module_of(module.file), name, asker)
        ]
        return join(*found) if found else UNKNOWN

    def annotation(self, node: ast.expr | None, file: str) -> Value:
        """What an annotation of a file says."""
        if node is None:
            return UNKNOWN
        return annotated(node, _Names(self, file))

    def meaning(self, found: Found, name: str) -> Value:
        """What a name that the index found stands for."""
        match found.kind:
            case "def" if found.binding is not None:
                return Func(self._index.first_function[found.file] + found.binding.number)
            case "class" if found.binding is not None:
                return ClassRef(self._index.first_class[found.file] + found.binding.number)
            case "module":
                return ModuleRef(found.file, self._index.module_of(found.file))
            case "assign":
                return self._assigned(found, name)
            case _ if found.path.endswith(".TYPE_CHECKING"):
                return Const(False)
            case _:
                return External(found.path)

    def _assigned(self, found: Found, name: str) -> Value:
        variables = self._values(found.file).variables
        if name in variables:
            value = variables[name]
            if isinstance(value, Group) and isinstance(value.element, Unknown):
                return Group(value.kind, self._put_into(found.file, name))
            return value
        # Imported under another name.
        return UNKNOWN

    def _put_into(self, file: str, name: str) -> Value:
        """What decorators put into a container of a module: a registry of classes or functions."""
        first = self._index.first_function[file]
        outermost = set()
        for local in self._index.files[file].filled.get(name, ()):
            number = first + local
            while (parent := self._index.parent(number)) >= 0:
                number = parent
            outermost.add(number)
        found: list[Value] = []
        for number in sorted(outermost):
            decorator = self._index.functions[number].name
            for kind, decorated in self._index.decorated.get(decorator, ()):
                here = self._index.classes[decorated] if kind == "class" else self._index.functions[decorated]
                if any(self._is_decorator(word, here.file, number) for word in here.decorators):
                    found.append(ClassRef(decorated) if kind == "class" else Func(decorated))
        return join(*found) if found else UNKNOWN

    def _is_decorator(self, name: str, file: str, number: int) -> bool:
        value = self.dotted(file, name)
        return isinstance(value, Func) and value.number == number


class _Names:
    """Names as annotations ask for them."""

    def __init__(self, of_modules: Globals, file: str) -> None:
        self._globals = of_modules
        self._file = file

    def __call__(self, name: str) -> Value:
        value = self._globals.value(self._file, name)
        if isinstance(value, Options):
            return next((each for each in value.options if isinstance(each, (ClassRef, External))), UNKNOWN)
        return value

    def inside(self, outer: Value, name: str) -> Value:
        if isinstance(outer, (ModuleRef, External)):
            return self._globals.inside(outer, name, self._file)
        return UNKNOWN
