"""Functions of one name: which of them a call means, by place, argument count, template arguments and types."""

from imp_graphcheck.source.cpp.facts import Call, Function
from imp_graphcheck.source.cpp.index import Index, is_header, is_test
from imp_graphcheck.source.cpp.types import is_placeholder, parse_type


class Overloads:
    """Chooses among functions of one name, given by their numbers in `index`."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def nearest(self, found: list[int], function: Function) -> list[int]:
        """Those whose namespace is nearest to that of the caller; not those of tests, where the caller is none."""
        functions = self._index.functions
        is_from_test = is_test(function.file)
        own = [number for number in found if is_test(functions[number].file) == is_from_test]
        found = own or found
        same = [
            number
            for number in found
            if functions[number].is_file_local and functions[number].file == function.file
        ]
        found = same or found
        lengths = [
            len(functions[number].scope)
            if functions[number].scope == function.scope[: len(functions[number].scope)]
            else -1
            for number in found
        ]
        longest = max(lengths)
        if longest <= 0:
            return found
        return [number for number, length in zip(found, lengths, strict=True) if length == longest]

    def fitting(self, found: list[int], call: Call, function: Function) -> list[int]:
        """Those of `found` that `call` may mean; more than one where nobody can tell them apart."""
        functions = self._index.functions
        fitting = [number for number in found if self._index.takes(functions[number], call.arity)]
        if not fitting:
            if any("..." in text for text in call.arguments) or len(found) == 1:
                fitting = found
            else:
                return []
        if len(fitting) > 1:
            fitting = self._by_template(fitting, call)
        if len(fitting) > 1:
            fitting = self.by_types(fitting, call, function)
        if len(fitting) > 1:
            near = [number for number in fitting if functions[number].file == function.file]
            fitting = near if len(near) == 1 and not is_header(function.file) else fitting
        return fitting

    def are_one(self, found: list[int]) -> bool:
        """Whether they are definitions of which a build has one."""
        return len({_signature(self._index.functions[number]) for number in found}) == 1

    def _by_template(self, found: list[int], call: Call) -> list[int]:
        """The specialisation whose template arguments are given, or those that are none."""
        functions = self._index.functions
        given = "".join(call.template_arguments.split()).removeprefix("<").removesuffix(">")
        if not given:
            return found
        exact = [number for number in found if functions[number].specialises == given]
        return exact or [number for number in found if not functions[number].specialises] or found

    def by_types(self, found: list[int], call: Call, function: Function) -> list[int]:
        """Without those that take another class, or a number where an object is given."""
        given = [self._index.type_of(value, function) for value in call.values]
        scores: dict[int, int] = {}
        for number in found:
            score = 0
            for text, parameter in zip(given, self._index.functions[number].parameters, strict=False):
                fit = self._fit(text, parameter.type, function)
                if fit < 0:
                    score = -1
                    break
                score += fit
            if score >= 0:
                scores[number] = score
        if not scores:
            return found
        best = max(scores.values())
        return [number for number, score in scores.items() if score == best]

    def _fit(self, given: str, wanted: str, function: Function) -> int:
        """2: the same type. 0: nobody knows. -1: it cannot be."""
        if not given:
            return 0
        one, other = parse_type(given), parse_type(wanted)
        if not one.path or not other.path or one.name == "auto" or other.name == "auto":
            return 0
        if one.name == other.name and one.arguments and other.arguments:
            inner = self._fit(one.arguments[0], other.arguments[0], function)
            return inner if inner < 0 else 2
        if one.name == other.name:
            return 2 if bool(one.stars) == bool(other.stars) else 0
        if other.is_smart_pointer and other.arguments and not one.is_smart_pointer:
            inner = self._fit(given, other.arguments[0], function)
            return min(inner, 1)
        mine, theirs = (
            self._index.class_of(given, function.scope),
            self._index.class_of(wanted, function.scope),
        )
        if mine and theirs:
            related = any(base.qualified == theirs[0].qualified for base in self._index.bases_of(mine[0]))
            return 1 if related else -1
        if theirs and one.name in self._index.enums and not one.stars:
            made_from = [
                parse_type(self._index.functions[number].parameters[0].type).name
                for number in self._index.methods(theirs[0], theirs[0].name)
                if self._index.functions[number].parameters
            ]
            return 1 if one.name in made_from else -1 if made_from else 0
        if other.stars and not one.stars and (mine or one.is_number):
            return -1
        if (mine and other.is_number) or (theirs and one.is_number and not is_placeholder(other.name)):
            return -1
        return 0


def _signature(function: Function) -> tuple[object, ...]:
    """The same for definitions of which a build has one: the branches of an `#if`, or a file and its stand-in."""
    return (function.qualified, tuple(parse_type(each.type) for each in function.parameters))
