"""Methods of objects of the tree: of the class, of those below it, and of those above."""

from imp_graphcheck.source.python.index import Index
from imp_graphcheck.source.python.values import UNKNOWN, Func, Object, Options, Super, Value

_MOST_CANDIDATES = 12


class Methods:
    """The methods that a name means on an object."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: dict[tuple[Object, str], Value] = {}

    def of(self, of: Object, name: str) -> Value:
        """The method `name`, or several where classes below have their own."""
        key = (of, name)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._method(of, name)
        return known

    def _method(self, of: Object, name: str) -> Value:
        own = self._index.method(of.cls, name)
        found: list[int] = [] if own is None else [own]
        if not of.is_exact or (own is not None and self._index.functions[own].is_abstract) or own is None:
            below = [
                number
                for each in self._index.derived(of.cls)
                if (number := self._index.own_method(each, name)) is not None
            ]
            if own is None and of.is_exact and not below:
                return UNKNOWN
            if own is not None and not self._index.functions[own].is_abstract and of.is_exact:
                below = []
            if len(below) > _MOST_CANDIDATES:
                below = []
            found += below
        real = [each for each in found if not self._index.functions[each].is_abstract] or found
        values = [Func(each, self._seen_as(of, each)) for each in dict.fromkeys(real)]
        if not values:
            return UNKNOWN
        return values[0] if len(values) == 1 else Options(tuple(values))

    def _seen_as(self, of: Object, method: int) -> Object:
        """The object, as a method of a class below its own sees it."""
        owner = self._index.owner(method)
        return of if owner in self._index.order(of.cls) else Object(owner, False)

    def after(self, of: Super, name: str) -> Value:
        """The method that `super().name` means."""
        number = self._index.method(of.cls, name, of.after)
        if number is None:
            return UNKNOWN
        return Func(number, Object(of.cls, of.is_exact))
