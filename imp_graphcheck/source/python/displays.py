"""Lists, dictionaries and comprehensions, as they are written."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python.assignments import Assignments
from imp_graphcheck.source.python.narrowing import Narrowing
from imp_graphcheck.source.python.values import (
    PLAIN,
    UNKNOWN,
    Const,
    Group,
    GroupKind,
    Value,
    element_of,
    join,
)

_MOST_ITEMS = 24


class Displays(Assignments, Narrowing):
    """Evaluation of displays."""

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        values: list[Value] = []
        is_whole = len(node.elts) <= _MOST_ITEMS
        for each in node.elts:
            if isinstance(each, ast.Starred):
                inner = self.evaluate(each.value)
                if isinstance(inner, Group) and inner.items is not None:
                    values.extend(inner.items)
                else:
                    is_whole = False
                    values.append(element_of(inner))
            else:
                values.append(self.evaluate(each))
        kind: GroupKind = (
            "tuple" if isinstance(node, ast.Tuple) else "set" if isinstance(node, ast.Set) else "list"
        )
        return Group(kind, join(*values) if values else UNKNOWN, tuple(values) if is_whole else None)

    def _dict(self, node: ast.Dict) -> Value:
        keys: list[object] = []
        values: list[Value] = []
        is_whole = len(node.keys) <= _MOST_ITEMS
        for key, value_node in zip(node.keys, node.values, strict=True):
            if key is None:
                inner = self.evaluate(value_node)
                is_whole = False
                values.append(inner.element if isinstance(inner, Group) else UNKNOWN)
                continue
            known = self.evaluate(key)
            if isinstance(known, Const) and isinstance(known.value, PLAIN):
                keys.append(known.value)
            else:
                is_whole = False
            values.append(self.evaluate(value_node))
        element = join(*values) if values else UNKNOWN
        if is_whole and values:
            return Group("dict", element, tuple(values), tuple(keys))
        return Group("dict", element)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        before = dict(self.names)
        pushed = 0
        for generator in node.generators:
            self.assign(generator.target, element_of(self.evaluate(generator.iter)))
            for test in generator.ifs:
                self.asked(test, self.evaluate(test))
                self.push(self.guard_of(test, negated=False))
                self.narrow(test, True)
                pushed += 1
        if isinstance(node, ast.DictComp):
            self.evaluate(node.key)
            value: Value = Group("dict", self.evaluate(node.value))
        else:
            kind: GroupKind = "set" if isinstance(node, ast.SetComp) else "list"
            value = Group(kind, self.evaluate(node.elt))
        del self.stack[len(self.stack) - pushed :]
        self.names.clear()
        self.names.update(before)
        return value


DISPLAYS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.List: Displays._list,
    ast.Tuple: Displays._list,
    ast.Set: Displays._list,
    ast.Dict: Displays._dict,
    ast.ListComp: Displays._comprehension,
    ast.SetComp: Displays._comprehension,
    ast.GeneratorExp: Displays._comprehension,
    ast.DictComp: Displays._comprehension,
}
"""Who evaluates a node of which type."""
