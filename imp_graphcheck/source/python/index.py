"""All files of a tree together: modules by their dotted names, classes with their bases, functions by number."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from imp_graphcheck.source.python.facts import Binding, Class, FileFacts, Function
from imp_graphcheck.source.python.tree import Tree

_DEEPEST = 40
_LIBRARIES = frozenset(
    {"torch", "numpy", "triton", "cupy", "numba", "cuda", "os", "sys", "functools", "typing"}
)
"""A file of such a name inside of a package is not what an absolute import means."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a name of a module leads to: a binding of a file, the module `file`, or `path` outside of the tree."""

    kind: str
    file: str = ""
    binding: Binding | None = None
    path: str = ""


class Index:
    """Functions and classes are known by their numbers, files by their paths."""

    def __init__(self, tree: Tree) -> None:
        self.directory = tree.directory
        self.files: dict[str, FileFacts] = {facts.path: facts for facts in tree.files}
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.first_function: dict[str, int] = {}
        self.first_class: dict[str, int] = {}
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.methods_by_name: dict[str, list[int]] = defaultdict(list)
        self.classes_by_name: dict[str, list[int]] = defaultdict(list)
        self.by_place: dict[tuple[str, int, int], int] = {}
        self.class_by_place: dict[tuple[str, int, int], int] = {}
        self.registered: dict[str, tuple[str, str]] = {}
        self.decorated: dict[str, list[tuple[str, int]]] = defaultdict(list)
        """Last name of a decorator -> functions (`def`) and classes (`class`) under it."""
        self.modules: dict[str, str] = {}
        """Dotted name -> file."""
        self._names: dict[tuple[str, str], list[Found]] = {}
        self._packages: set[str] = set()
        self._by_last: dict[str, list[str]] = defaultdict(list)
        self._bases: dict[int, tuple[int | str, ...]] = {}
        self._orders: dict[int, tuple[int, ...]] = {}
        self._derived: dict[int, list[int]] | None = None
        self._below: dict[int, list[int]] = {}
        self._roots = self._package_of_directory()
        for facts in tree.files:
            self._add(facts)

    def _package_of_directory(self) -> tuple[str, ...]:
        """The packages that the directory itself lies in, outermost first."""
        names: list[str] = []
        folder = self.directory.resolve()
        while (folder / "__init__.py").exists() and folder.name:
            names.insert(0, folder.name)
            folder = folder.parent
        return tuple(names)

    def _add(self, facts: FileFacts) -> None:
        self.first_function[facts.path] = len(self.functions)
        self.first_class[facts.path] = len(self.classes)
        for function in facts.functions:
            number = len(self.functions)
            self.functions.append(function)
            self.by_place[facts.path, *function.place] = number
            for name in function.decorators:
                self.decorated[name.rpartition(".")[2]].append(("def", number))
            if function.name != "(lambda)":
                self.by_name[function.name].append(number)
                if function.owner >= 0:
                    self.methods_by_name[function.name].append(number)
        for each in facts.classes:
            self.classes_by_name[each.name].append(len(self.classes))
            self.class_by_place[facts.path, *each.place] = len(self.classes)
            for name in each.decorators:
                self.decorated[name.rpartition(".")[2]].append(("class", len(self.classes)))
            self.classes.append(each)
        for operator, implementation in facts.registered.items():
            self.registered[operator.replace("::", ".")] = (facts.path, implementation)
        name = self.module_of(facts.path)
        self.modules[name] = facts.path
        package = name.rpartition(".")[0]
        while package and package not in self._packages:
            self._packages.add(package)
            package = package.rpartition(".")[0]
        self._by_last[name.rpartition(".")[2]].append(name)

    def module_of(self, path: str) -> str:
        """The dotted name of a file."""
        parts = path.removesuffix(".py").split(os.sep)
        if parts[-1] == "__init__":
            parts.pop()
        return ".".join((*self._roots, *parts))

    # modules

    def find_module(self, name: str, asker: str = "") -> str | None:
        """The file of the module `name`, as code of the file `asker` would import it."""
        known = self.modules.get(name)
        if known is not None:
            return known
        if "." not in name:
            # A script beside it.
            beside = os.path.join(os.path.dirname(asker), f"{name}.py") if asker else ""
            if beside in self.files:
                return beside
            if name in _LIBRARIES:
                return None
        top = name.partition(".")[0]
        found = [
            each
            for each in self._by_last.get(name.rpartition(".")[2], ())
            if each.endswith(f".{name}") and self._is_root(each[: -len(name) - 1]) and top not in _LIBRARIES
        ]
        return self.modules[min(found, key=len)] if found else None

    def _is_root(self, package: str) -> bool:
        """Whether a folder holds packages and is none: `src`, or the folder of a project."""
        return package not in self.modules

    def is_package(self, file: str) -> bool:
        return os.path.basename(file) == "__init__.py"

    def absolute(self, module: str, level: int, asker: str) -> str:
        """The dotted name that a relative import means."""
        if not level:
            return module
        parts = self.module_of(asker).split(".")
        up = level - 1 if self.is_package(asker) else level
        parts = parts[: len(parts) - up] if up else parts
        return ".".join((*parts, module)) if module else ".".join(parts)

    def find_name(self, file: str, name: str, depth: int = 0) -> list[Found]:
        """All that `name` may be in the module `file`, imports followed."""
        key = (file, name)
        known = self._names.get(key)
        if known is None:
            known = self._find_name(file, name, depth)
            if depth == 0:
                self._names[key] = known
        return known

    def _find_name(self, file: str, name: str, depth: int) -> list[Found]:
        facts = self.files[file]
        found: list[Found] = []
        for binding in facts.bindings.get(name, ()):
            match binding.kind:
                case "import":
                    found.append(self.module_named(binding.module, file))
                case "from":
                    module = self.absolute(binding.module, binding.level, file)
                    if depth < _DEEPEST:
                        found += self.find_in(module, binding.name, file, depth + 1)
                case _:
                    found.append(Found(binding.kind, file, binding))
        if found or depth >= _DEEPEST:
            return found
        for star, level in facts.stars:
            other = self.find_module(self.absolute(star, level, file), file)
            if other is not None and other != file:
                found += self.find_name(other, name, depth + 1)
                if found:
                    return found
        return found

    def find_in(self, module: str, name: str, asker: str, depth: int = 0) -> list[Found]:
        """All that `from module import name` may mean."""
        file = self.find_module(module, asker)
        if file is None:
            inner = self.find_module(f"{module}.{name}", asker)
            return [Found("module", inner)] if inner else [Found("external", path=f"{module}.{name}")]
        found = self.find_name(file, name, depth) if file != asker or depth < 8 else []
        if found:
            return found
        inner = self.find_module(f"{module}.{name}", asker)
        if inner is not None:
            return [Found("module", inner)]
        return list(self._exported_lazily(file, name))

    def module_named(self, name: str, asker: str) -> Found:
        """What `import name` means."""
        file = self.find_module(name, asker)
        if file is not None:
            return Found("module", file)
        if name in self._packages:
            return Found("package", path=name)
        return Found("external", path=name)

    def _exported_lazily(self, file: str, name: str) -> Iterator[Found]:
        """A package that fills its names when they are asked for: the one class or function of this name below it."""
        if not self.is_package(file):
            return
        folder = os.path.dirname(file)
        inside = [
            (each, "class", self.first_class)
            for each in self.classes_by_name.get(name, ())
            if self.classes[each].file.startswith(folder) and not self.classes[each].scope
        ]
        numbers = [each for each, _, _ in inside]
        if len(numbers) == 1:
            path = self.classes[numbers[0]].file
            yield Found("class", path, Binding("class", numbers[0] - self.first_class[path]))
            return
        functions = [
            each
            for each in self.by_name.get(name, ())
            if self.functions[each].file.startswith(folder) and not self.functions[each].scope
        ]
        if len(functions) == 1 and not numbers:
            path = self.functions[functions[0]].file
            yield Found("def", path, Binding("def", functions[0] - self.first_function[path]))

    # classes

    def owner(self, number: int) -> int:
        """The class of a method, or of the method that a function was written in; -1 for none."""
        function = self.functions[number]
        while function.owner < 0 and function.parent >= 0:
            function = self.functions[self.first_function[function.file] + function.parent]
        return self.first_class[function.file] + function.owner if function.owner >= 0 else -1

    def parent(self, number: int) -> int:
        """The function that this one was written in; -1 for none."""
        function = self.functions[number]
        return self.first_function[function.file] + function.parent if function.parent >= 0 else -1

    def bases(self, cls: int) -> tuple[int | str, ...]:
        """The bases of a class: numbers of classes of the tree, dotted names for others."""
        known = self._bases.get(cls)
        if known is None:
            self._bases[cls] = ()
            known = self._bases[cls] = tuple(
                self._base(cls, name) for name in self.classes[cls].bases if name
            )
        return known

    def _base(self, cls: int, name: str) -> int | str:
        here = self.classes[cls]
        found = self.class_named(name, here.file)
        if found is not None and found != cls:
            return found
        head, _, rest = name.partition(".")
        for each in self.find_name(here.file, head):
            if each.kind in ("external", "package"):
                return f"{each.path}.{rest}" if rest else each.path
        return name

    def class_named(self, name: str, file: str) -> int | None:
        """The class that the dotted `name` means in `file`."""
        head, *rest = name.split(".")
        places = self.find_name(file, head)
        while rest:
            after: list[Found] = []
            for each in places:
                if each.kind == "module":
                    after += self.find_in(self.module_of(each.file), rest[0], file)
                elif each.kind == "package":
                    after += self.find_in(each.path, rest[0], file)
                elif each.kind == "class" and each.binding is not None:
                    outer = self.classes[self.first_class[each.file] + each.binding.number]
                    after += [
                        Found("class", each.file, Binding("class", number))
                        for number, inner in enumerate(self.files[each.file].classes)
                        if inner.name == rest[0] and inner.scope == (*outer.scope, outer.name)
                    ]
            places, rest = after, rest[1:]
        for each in places:
            if each.kind == "class" and each.binding is not None:
                return self.first_class[each.file] + each.binding.number
        return None

    def order(self, cls: int) -> tuple[int, ...]:
        """The classes that are searched for a name of `cls`, itself first."""
        known = self._orders.get(cls)
        if known is None:
            self._orders[cls] = (cls,)
            found: list[int] = []
            for base in self.bases(cls):
                if isinstance(base, int):
                    # A class that two bases share comes after both.
                    for each in self.order(base):
                        if each in found:
                            found.remove(each)
                        found.append(each)
            known = self._orders[cls] = (cls, *(each for each in found if each != cls))
        return known

    def external_bases(self, cls: int) -> Iterator[str]:
        """The dotted names of the bases outside of the tree."""
        for each in self.order(cls):
            for base in self.bases(each):
                if isinstance(base, str):
                    yield base

    def is_module(self, cls: int) -> bool:
        """Whether calling an object of the class reaches its `forward`."""
        return any(
            base.endswith((".Module", "Module")) or base.startswith(("torch.nn.", "nn."))
            for base in self.external_bases(cls)
        ) or any(self.classes[each].qualified == "Module" for each in self.order(cls))

    def derived(self, cls: int) -> list[int]:
        """All classes below `cls`."""
        if self._derived is None:
            self._derived = defaultdict(list)
            for number in range(len(self.classes)):
                for base in self.bases(number):
                    if isinstance(base, int):
                        self._derived[base].append(number)
        known = self._below.get(cls)
        if known is None:
            found: dict[int, None] = {}
            waiting = [cls]
            while waiting:
                for each in self._derived.get(waiting.pop(), ()):
                    if each not in found and each != cls:
                        found[each] = None
                        waiting.append(each)
            known = self._below[cls] = list(found)
        return known

    def method(self, cls: int, name: str, after: int = -1) -> int | None:
        """The number of the method `name` of `cls`; with `after`, of the classes that come after that one."""
        order = self.order(cls)
        if after >= 0 and after in order:
            order = order[order.index(after) + 1 :]
        for each in order:
            found = self.own_method(each, name)
            if found is not None:
                return found
        return None

    def own_method(self, cls: int, name: str) -> int | None:
        here = self.classes[cls]
        numbers = here.methods.get(name)
        if not numbers:
            return None
        functions = self.files[here.file].functions
        # An overload has no body, and of a property the first is the one that reads.
        real = [
            each for each in numbers if not any("overload" in word for word in functions[each].decorators)
        ]
        real = real or numbers
        accessors = [
            each
            for each in real
            if any(word.endswith((".setter", ".deleter")) for word in functions[each].decorators)
        ]
        plain = [each for each in real if each not in accessors] or real
        return self.first_function[here.file] + plain[-1]
