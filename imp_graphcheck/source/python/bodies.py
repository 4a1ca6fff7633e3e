"""Bodies: statements in their order, from the parameters to what the function returns."""

import ast
from collections.abc import Iterator

from imp_graphcheck.source.python.branches import Branches
from imp_graphcheck.source.python.guards import settle
from imp_graphcheck.source.python.parameters import Parameters
from imp_graphcheck.source.python.syntax import Definition, dotted, name_of_call
from imp_graphcheck.source.python.values import NONE, UNKNOWN, ClassRef, Func, Unknown, join


class Body(Branches, Parameters):
    """One reading of a body."""

    def read(self, node: Definition) -> None:
        """Read a function or lambda."""
        self.parameters(node)
        if isinstance(node, ast.Lambda):
            self.gives(self.evaluate(node.body))
        else:
            self.block(node.body)
        analysis = self.analysis
        stores = [(each.name, each.guards) for each in analysis.stores]
        stores += list(self._stores_of_callees())
        settle(analysis.guards, stores)
        if self.returned:
            known = [each for each in self.returned if each != NONE]
            analysis.returns = join(*(known or self.returned))
        self.memo.clear()

    def read_module(self, node: ast.Module) -> None:
        """Read the top level of a module, for the names that it assigns."""
        with self.silently():
            self.block(node.body)
        self.memo.clear()

    def read_class(self, node: ast.ClassDef) -> None:
        """Read the body of a class, for the names that it assigns and annotates."""
        with self.silently():
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                    said = self.program.globals.annotation(each.annotation, self.file)
                    if not isinstance(said, Unknown):
                        self.analysis.attributes[each.target.id] = said
                    value = self.evaluate(each.value) if each.value is not None else NONE
                    is_field = isinstance(each.value, ast.Call) and name_of_call(each.value) == "field"
                    self.names[each.target.id] = UNKNOWN if is_field else value
                elif isinstance(each, (ast.Assign, ast.If)):
                    self.statement(each)
        self.memo.clear()

    def _stores_of_callees(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """What methods that are called on the own object change."""
        own = self.own
        if not own:
            return
        for edge in self.analysis.edges:
            callee = self.index.functions[edge.target.number]
            if (
                edge.guards
                and callee.stores
                and callee.owner >= 0
                and edge.target.bound == self.analysis.context.bound
            ):
                for name in callee.stores:
                    yield f"{own}.{name}", edge.guards

    def statement(self, node: ast.stmt) -> bool:
        """Read one statement; whether what follows it is never reached."""
        match node:
            case ast.Expr():
                self.is_wanted = False
                self.evaluate(node.value)
                self.is_wanted = True
            case ast.Assign():
                value = self.evaluate(node.value)
                for target in node.targets:
                    self.assign(target, value, node.value)
            case ast.AnnAssign():
                self.annotated(node)
            case ast.AugAssign():
                self.augmented(node)
            case ast.If():
                return self.read_if(node)
            case ast.For() | ast.AsyncFor():
                self.read_for(node)
            case ast.While():
                self.read_while(node)
            case ast.With() | ast.AsyncWith():
                return self.read_with(node)
            case ast.Try() | ast.TryStar():
                return self.read_try(node)
            case ast.Return():
                self.gives(self.evaluate(node.value) if node.value is not None else NONE)
                return True
            case ast.Raise():
                self._raise(node)
                return True
            case ast.Assert():
                self._assert(node)
            case ast.Break() | ast.Continue():
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._definition(node)
            case ast.ClassDef():
                number = self.index.class_by_place.get((self.file, node.lineno, node.col_offset))
                if number is not None:
                    self.names[node.name] = ClassRef(number)
            case ast.Global() | ast.Nonlocal():
                self.outliving.update(node.names)
            case ast.Match():
                self.read_match(node)
            case ast.Delete():
                for target in node.targets:
                    self.names.pop(dotted(target), None)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case _:
                pass
        return False

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        number = self.index.by_place.get((self.file, node.lineno, node.col_offset))
        if number is not None:
            for default in (
                *node.args.defaults,
                *(each for each in node.args.kw_defaults if each is not None),
            ):
                self.evaluate(default)
            closure = self.analysis.id if self.function is not None else -1
            self.names[node.name] = Func(number, None, closure)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if self.function is None:
            return
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.split(".")[0]
                module = alias.name if alias.asname else name
                found = [self.index.module_named(module, self.file)]
            else:
                name = alias.asname or alias.name
                module = self.index.absolute(node.module or "", node.level, self.file)
                found = self.index.find_in(module, alias.name, self.file)
            values = [self.program.globals.meaning(each, alias.name) for each in found]
            self.names[name] = join(*values) if values else UNKNOWN

    def _raise(self, node: ast.Raise) -> None:
        with self.under(self.plain_guard("raise", node, "raise", "error")):
            for each in (node.exc, node.cause):
                if each is not None:
                    self.evaluate(each)

    def _assert(self, node: ast.Assert) -> None:
        self.asked(node.test, self.evaluate(node.test))
        self.narrow(node.test, True)
        if node.msg is not None:
            with self.under(self.plain_guard("raise", node, "assertion failed", "error")):
                self.evaluate(node.msg)
