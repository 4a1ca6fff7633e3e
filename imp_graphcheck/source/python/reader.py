"""One Python file, parsed and boiled down to its functions, classes and names. Nothing of it is imported or run."""

import ast
from collections.abc import Iterator

from imp_graphcheck.source.python.facts import Binding, Class, FileFacts, Function, Mention, Signature
from imp_graphcheck.source.python.mentions import api_by_name
from imp_graphcheck.source.python.syntax import (
    Definition,
    constant,
    decorator_name,
    dotted,
    line_of_call,
    name_of_call,
    parse,
    words_of,
)

_REGISTERS = ("register_custom_op", "custom_op", "register_kernel", "impl")


def read_file(text: str, path: str) -> FileFacts:
    """The facts of one file. Raises UnreadableError."""
    return _Reader(text, path).read()


def definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Every function and class of a file that is no part of an expression."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                waiting.extend(inner)


def is_abstract(node: Definition) -> bool:
    """Whether the body does nothing but say that somebody else has to."""
    if isinstance(node, ast.Lambda):
        return False
    if any("abstractmethod" in decorator_name(each) for each in node.decorator_list):
        return True
    body = node.body
    if body and isinstance(body[0], ast.Expr) and constant(body[0].value) is not None:
        body = body[1:]
    if len(body) != 1:
        return not body
    only = body[0]
    if isinstance(only, ast.Raise):
        return "NotImplemented" in dotted(only.exc.func if isinstance(only.exc, ast.Call) else only.exc)
    return isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant) and only.value.value is ...


class _Gathered:
    """What the body of one function holds, while it is being read. `first` is the parameter that is its object."""

    __slots__ = ("calls", "first", "mentions", "stores")

    def __init__(self, first: str) -> None:
        self.first = first
        self.stores: set[str] = set()
        self.calls: set[str] = set()
        self.mentions: list[Mention] = []


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._tree = parse(text)
        self._lines = text.encode("utf-8", "replace").split(b"\n")
        self._facts = FileFacts(path=path, lines=len(self._lines))
        self._gathered: list[_Gathered] = []

    def read(self) -> FileFacts:
        # By hand and not by recursion: a file nests as deeply as it likes.
        waiting: list[tuple[ast.AST, int, int, tuple[str, ...]]] = [
            (each, -1, -1, ()) for each in reversed(self._tree.body)
        ]
        while waiting:
            node, owner, parent, scope = waiting.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                number = self._function(node, owner, parent, scope)
                outside, inside = _parts(node)
                waiting.extend((each, owner, parent, scope) for each in reversed(outside))
                inner = (*scope, self._facts.functions[number].name)
                waiting.extend((each, -1, number, inner) for each in reversed(inside))
            elif isinstance(node, ast.ClassDef):
                number = self._class(node, parent, scope)
                waiting.extend((each, number, parent, (*scope, node.name)) for each in reversed(node.body))
                waiting.extend((each, owner, parent, scope) for each in node.decorator_list)
            else:
                if parent < 0 and owner < 0:
                    self._bind(node)
                elif parent >= 0:
                    self._gather(node, parent)
                waiting.extend((each, owner, parent, scope) for each in _children(node))
        self._finish()
        return self._facts

    def _function(self, node: Definition, owner: int, parent: int, scope: tuple[str, ...]) -> int:
        number = len(self._facts.functions)
        is_lambda = isinstance(node, ast.Lambda)
        name = "(lambda)" if isinstance(node, ast.Lambda) else node.name
        first = next(iter((*node.args.posonlyargs, *node.args.args)), None)
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        self._facts.functions.append(
            Function(
                file=self._facts.path,
                name=name,
                scope=scope,
                line=node.lineno,
                last_line=node.end_lineno or node.lineno,
                place=(node.lineno, node.col_offset),
                owner=-1 if is_lambda else owner,
                parent=parent,
                decorators=tuple(filter(None, map(decorator_name, decorators))),
                signature=_signature(node),
                is_abstract=is_abstract(node),
            )
        )
        self._gathered.append(_Gathered(first.arg if first is not None and owner >= 0 else ""))
        if owner >= 0 and not is_lambda:
            self._facts.classes[owner].methods.setdefault(name, []).append(number)
        elif parent < 0 and not is_lambda:
            self._facts.bindings.setdefault(name, []).append(Binding("def", number))
        for each in decorators:
            if isinstance(each, ast.Call) and each.args and decorator_name(each).endswith(_REGISTERS):
                operator = constant(each.args[0])
                if operator:
                    self._facts.registered[operator.split("(")[0]] = name
        return number

    def _class(self, node: ast.ClassDef, parent: int, scope: tuple[str, ...]) -> int:
        number = len(self._facts.classes)
        assigned = set()
        for each in node.body:
            targets: list[ast.expr] = []
            if isinstance(each, ast.Assign):
                targets = each.targets
            elif isinstance(each, ast.AnnAssign):
                targets = [each.target]
            assigned |= {target.id for target in targets if isinstance(target, ast.Name)}
        self._facts.classes.append(
            Class(
                file=self._facts.path,
                name=node.name,
                scope=scope,
                line=node.lineno,
                place=(node.lineno, node.col_offset),
                parent=parent,
                bases=tuple(
                    dotted(each.value if isinstance(each, ast.Subscript) else each) for each in node.bases
                ),
                decorators=tuple(filter(None, map(decorator_name, node.decorator_list))),
                assigned=frozenset(assigned),
            )
        )
        if not scope:
            self._facts.bindings.setdefault(node.name, []).append(Binding("class", number))
        return number

    def _bind(self, node: ast.AST) -> None:
        bindings = self._facts.bindings
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                module = alias.name if alias.asname else name
                bindings.setdefault(name, []).append(Binding("import", module=module))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    self._facts.stars.append((node.module or "", node.level))
                    continue
                bindings.setdefault(alias.asname or alias.name, []).append(
                    Binding("from", module=node.module or "", name=alias.name, level=node.level)
                )
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self._assigned(node.id)
        elif isinstance(node, ast.Call) and name_of_call(node).endswith(_REGISTERS):
            given = {each.arg: each.value for each in node.keywords}
            operator = constant(given.get("op_name") or (node.args[0] if node.args else None))
            function = dotted(given.get("op_func") or (node.args[1] if len(node.args) > 1 else None))
            if operator and function:
                self._facts.registered[operator.split("(")[0]] = function

    def _assigned(self, name: str) -> None:
        known = self._facts.bindings.setdefault(name, [])
        if not any(each.kind == "assign" for each in known):
            known.append(Binding("assign"))

    def _gather(self, node: ast.AST, parent: int) -> None:
        here = self._gathered[parent]
        if isinstance(node, ast.Attribute):
            if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
                outer = self._method_around(parent)
                if outer is not None and node.value.id == outer.first:
                    outer.stores.add(node.attr)
        elif isinstance(node, ast.Call):
            name = name_of_call(node)
            here.calls.add(name)
            if name in ("register_buffer", "register_parameter", "add_module", "setattr"):
                at = 1 if name == "setattr" else 0
                stored = constant(node.args[at]) if len(node.args) > at else None
                if stored:
                    here.stores.add(stored)
            api = api_by_name(node, name)
            if api:
                here.mentions.append(Mention(line_of_call(node), api, words_of(node, self._lines)))
        elif isinstance(node, ast.Subscript):
            if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
                self._facts.filled.setdefault(node.value.id, []).append(parent)
        elif isinstance(node, ast.Global):
            for name in node.names:
                self._assigned(name)

    def _method_around(self, number: int) -> _Gathered | None:
        while number >= 0 and not self._gathered[number].first:
            number = self._facts.functions[number].parent
        return self._gathered[number] if number >= 0 else None

    def _finish(self) -> None:
        self._facts.filled = {
            name: numbers for name, numbers in self._facts.filled.items() if name in self._facts.bindings
        }
        for number, gathered in enumerate(self._gathered):
            function = self._facts.functions[number]
            function.stores = frozenset(gathered.stores)
            function.calls = frozenset(gathered.calls)
            function.mentions = tuple(gathered.mentions)
            if function.owner >= 0:
                stored = self._facts.classes[function.owner].stored
                for name in gathered.stores:
                    stored.setdefault(name, []).append(number)


def _signature(node: Definition) -> Signature:
    arguments = node.args
    places = (*arguments.posonlyargs, *arguments.args)
    given = [*zip(places[len(places) - len(arguments.defaults) :], arguments.defaults, strict=True)]
    given += [
        (argument, default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    return Signature(
        places=tuple(each.arg for each in places),
        by_name=tuple(each.arg for each in arguments.kwonlyargs),
        rest=arguments.vararg.arg if arguments.vararg is not None else "",
        defaults=tuple(
            (argument.arg, default.value)
            for argument, default in given
            if isinstance(default, ast.Constant)
            and isinstance(default.value, (str, int, float, bool, type(None)))
        ),
    )


def _parts(node: Definition) -> tuple[list[ast.AST], list[ast.AST]]:
    """What of a function is evaluated where it is defined, and its body."""
    outside: list[ast.AST] = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    if isinstance(node, ast.Lambda):
        return outside, [node.body]
    return [*node.decorator_list, *outside], list(node.body)


def _children(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found.extend(each for each in value if isinstance(each, ast.AST))
    found.reverse()
    return found
