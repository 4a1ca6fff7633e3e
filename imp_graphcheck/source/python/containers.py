"""Lists, dictionaries and sets: what their methods give back, and what they hold afterwards."""

import ast

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.frame import Frame
from imp_graphcheck.source.python.guards import KEYED
from imp_graphcheck.source.python.syntax import dotted
from imp_graphcheck.source.python.values import (
    NONE,
    TEXT,
    UNKNOWN,
    Const,
    Group,
    Host,
    Unknown,
    Value,
    element_of,
    join,
)


class Containers(Frame):
    """Containers of the program."""

    def group_method(
        self, node: ast.Call, receiver: ast.expr, of: Group, name: str, arguments: Arguments, line: int
    ) -> Value:
        """`receiver.name(...)`, where `receiver` holds the container `of`."""
        if name in ("append", "add", "insert", "extend", "appendleft", "setdefault", "update"):
            given = arguments.positional[-1] if arguments.positional else UNKNOWN
            added = element_of(given) if name in ("extend", "update") else given
            element = (
                added
                if isinstance(of.element, Unknown) and not of.items and of.items is not None
                else join(of.element, added)
            )
            self.replace(receiver, Group(of.kind, element))
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

    def replace(self, receiver: ast.expr, value: Value) -> None:
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


def item_of(of: Group, key: Value | None) -> Value:
    """What a container holds under `key`."""
    if of.items is not None and of.keys is not None and isinstance(key, Const) and key.value in of.keys:
        return of.items[of.keys.index(key.value)]
    return of.element
