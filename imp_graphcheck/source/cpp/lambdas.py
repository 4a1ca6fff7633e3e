"""Lambdas: functions of their own, which read the variables of the function around them."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.facts import Call, Function, Local
from imp_graphcheck.source.cpp.frame import Frame
from imp_graphcheck.source.cpp.syntax import line_of


class Lambdas(Frame):
    """Lambdas in a body."""

    def _lambda(self, node: Node) -> None:
        """A lambda that is neither called nor handed to a call: somebody may call it later."""
        number = self.lambda_function(node)
        self.add(Call("lambda", "?", line_of(node), target=number))

    def lambda_function(self, node: Node) -> int:
        """Read a lambda as a function of its own; its number among those of the file."""
        assert self.function is not None
        outer = self.function
        number = (
            self.facts.functions.index(outer)
            if outer in self.facts.functions[-1:]
            else self._number_of(outer)
        )
        function = Function(
            file=self.facts.path,
            name=f"{outer.name}(lambda)" if not outer.name.endswith("(lambda)") else outer.name,
            scope=outer.scope,
            line=line_of(node),
            last_line=node.end_point.row + 1,
            is_method=outer.is_method,
            is_device=outer.is_device
            or b"__device__"
            in self.expressions.source[node.start_byte : node.start_byte + 200].split(b"{")[0],
            parent=number,
        )
        captures = node.child_by_field_name("captures")
        for each in captures.named_children if captures is not None else ():
            if each.type == "lambda_capture_initializer":
                self.walk(each)
        declarator = node.child_by_field_name("declarator")
        if declarator is not None:
            function.parameters, function.is_variadic = self.expressions.parameters(declarator)
        for parameter in function.parameters:
            function.locals[parameter.name] = Local(parameter.type)
        return self.read(node, function)

    def _number_of(self, function: Function) -> int:
        for number in range(len(self.facts.functions) - 1, -1, -1):
            if self.facts.functions[number] is function:
                return number
        return -1


LAMBDAS: dict[str, Callable[[Lambdas, Node], None]] = {
    "lambda_expression": Lambdas._lambda,
}
"""Who reads a node of which type."""
