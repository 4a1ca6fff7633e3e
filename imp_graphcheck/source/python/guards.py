"""What kind of condition guards a call: from the values in it, and where those say nothing, from its words."""

import ast
import re

from imp_graphcheck.source.guard_class import RANK, GuardClass
from imp_graphcheck.source.python.analysis import Guard, GuardKind
from imp_graphcheck.source.python.frame import Frame
from imp_graphcheck.source.python.syntax import constant, dotted, name_of_call
from imp_graphcheck.source.python.values import UNKNOWN, Const, Host, Options, truth

_DEBUG = re.compile(
    r"(?<![a-z])(debug|dbg|verbose|trac(e|ing)|dump|profil\w*|timing|sanity|diagnos\w*|loglevel|log level"
    r"|is ?enabled ?for|check ?nan|unit ?test|testing)(?![a-z])",
    re.IGNORECASE,
)
_ERROR_NAME = re.compile(r"^(err|error|exc|exception|failed|failure|has_error|\w+_failed|\w+_error)$")
OTHER_PLATFORM = re.compile(
    r"^_?(is|on|use|using|has)_?(torch_|current_)?(rocm|hip|xpu|cpu|tpu|npu|hpu|mps|musa|xla|neuron\w*|mlu|sdaa|ascend|amd|amdgpu"
    r"|out_of_tree)(_platform|_available|_device|_only)?$",
    re.IGNORECASE,
)
THIS_PLATFORM = re.compile(
    r"^_?(is|on|has)_?(torch_)?(cuda|nvidia|cuda_alike)(_platform|_available|_device)?$", re.IGNORECASE
)
KEYED = "[]"
"""Ends the name of a container out of which something was read by a key."""
CAPTURING = re.compile(r"captur", re.IGNORECASE)
_ASKS_CAPTURE = re.compile(r"^_?(is|in|are|currently)_?\w*captur", re.IGNORECASE)


class Guards(Frame):
    """Guards from tests."""

    def guard_of(self, test: ast.expr, *, negated: bool, kind: GuardKind = "if") -> Guard:
        """The guard that `test`, which was evaluated before, is where it is true, or false if `negated`."""
        cls = self._truth(test, negated=negated)
        if kind == "return" and cls in ("error", "debug"):
            cls = "other"
        return Guard(
            kind=kind,
            text=self.text(test),
            negated=negated,
            line=test.lineno,
            cls=cls,
            names=frozenset(self._outliving_names(test)),
            compares=_compares(test) or self._is_keyed(test),
        )

    def _truth(self, test: ast.expr, *, negated: bool) -> GuardClass:
        match test:
            case ast.UnaryOp(op=ast.Not()):
                return self._truth(test.operand, negated=not negated)
            case ast.BoolOp():
                found = [self._truth(each, negated=negated) for each in test.values]
                if isinstance(test.op, ast.And) != negated:
                    # All of them hold, so the one that says most decides.
                    return max(found, key=RANK.__getitem__)
                # One of them holds, nobody knows which: the least.
                return min(found, key=lambda each: (RANK[each], each == "other"))
            case ast.NamedExpr():
                return self._truth(test.value, negated=negated)
            case _:
                return self._one(test, negated=negated)

    def _one(self, test: ast.expr, *, negated: bool) -> GuardClass:
        value = self.memo.get(id(test), UNKNOWN)
        name = _last_name(test)
        if isinstance(test, ast.Constant):
            return "none" if bool(test.value) != negated else "dead"
        known = truth(value)
        if isinstance(value, Host) and value.what == "environment":
            return "environment"
        if known is not None:
            says, why = known
            if says != negated:
                return "other"
            if why != "none":
                return why
            if _DEBUG.search(_spaced(name)):
                return "debug"
            # A constant of a module is a switch that somebody may set; what this call was given is not.
            return "dead" if self._is_settled(test) else "other"
        if isinstance(value, Options) and all(isinstance(each, Const) for each in value.options):
            says_so = {
                each.why for each in value.options if isinstance(each, Const) and bool(each.value) == negated
            }
            if says_so and len({bool(each.value) for each in value.options if isinstance(each, Const)}) == 1:
                return next(iter(says_so)) or "other"
        if _ASKS_CAPTURE.search(name):
            return "not capturing" if negated else "other"
        if OTHER_PLATFORM.match(name):
            return "other" if negated else "other platform"
        if THIS_PLATFORM.match(name):
            return "other platform" if negated else "other"
        if _ERROR_NAME.match(name):
            return "other" if negated else "error"
        if name and _DEBUG.search(_spaced(name)):
            return "other" if negated else "debug"
        return "other"

    def _is_settled(self, test: ast.expr) -> bool:
        """Whether a constant came as an argument of this very call, or is one that type checkers alone see true."""
        head = dotted(test).partition(".")[0]
        if head == "TYPE_CHECKING" or dotted(test).endswith(".TYPE_CHECKING"):
            return True
        given = {name for name, _ in self.analysis.context.given}
        names = {each.id for each in ast.walk(test) if isinstance(each, ast.Name)}
        return bool(names) and names <= given

    def _outliving_names(self, test: ast.expr) -> set[str]:
        """Attributes, globals and containers that a test looks at; `buf` where `buf = self.buf` was before."""
        found: set[str] = set()
        for node in ast.walk(test):
            match node:
                case ast.Attribute():
                    name = dotted(node)
                    if name:
                        found.add(name)
                case ast.Name(id=name):
                    place = self.aliases.get(name, "").removesuffix(KEYED)
                    if "." in place or (place and self._is_global(place)):
                        found.add(place)
                    if self._is_global(name):
                        found.add(name)
                case ast.Call() if name_of_call(node) in ("hasattr", "getattr") and len(node.args) > 1:
                    attribute = constant(node.args[1])
                    if attribute:
                        found.add(f"{dotted(node.args[0])}.{attribute}")
                case _:
                    continue
        return found

    def _is_global(self, name: str) -> bool:
        """Whether a plain name lives longer than the call."""
        return name in self.outliving or name not in self.names

    def _is_keyed(self, test: ast.expr) -> bool:
        """Whether a test looks at what was found under a key, which another call may not find."""
        return any(
            isinstance(node, ast.Name) and self.aliases.get(node.id, "").endswith(KEYED)
            for node in ast.walk(test)
        )


def settle(guards: list[Guard], stores: list[tuple[str, tuple[int, ...]]]) -> None:
    """Mark guards that look at what they change: next time they say something else.

    `stores` are the names that are changed, each with the guards around it.
    """
    for number, guard in enumerate(guards):
        if guard.kind not in ("if", "return", "catch") or guard.cls not in ("other", "none", "error"):
            continue
        is_changed = any(
            number in under and any(_is_same(name, looked) for looked in guard.names)
            for name, under in stores
        )
        if is_changed:
            guard.cls = "growth" if guard.compares else "first call"


def _is_same(stored: str, looked: str) -> bool:
    """Whether a change of `stored` changes what a test of `looked` says: `self.buf` and `self.buf.shape`."""
    return looked == stored or looked.startswith(f"{stored}.")


def _compares(test: ast.expr) -> bool:
    """Whether a size, a value or a key is looked at, so that the guard may hold again later."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            for operator, right in zip(node.ops, node.comparators, strict=True):
                if isinstance(operator, (ast.Is, ast.IsNot)):
                    continue
                if (
                    isinstance(operator, (ast.Eq, ast.NotEq))
                    and isinstance(right, ast.Constant)
                    and isinstance(right.value, (bool, type(None)))
                ):
                    continue
                return True
    return False


def _last_name(test: ast.expr) -> str:
    if isinstance(test, ast.Call):
        return name_of_call(test)
    if isinstance(test, ast.Attribute):
        return test.attr
    if isinstance(test, ast.Name):
        return test.id
    if isinstance(test, ast.Compare):
        return _last_name(test.left)
    return ""


def _spaced(text: str) -> str:
    """`kDebugMode` and `debug_mode` as words."""
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", text).replace("_", " ")
