"""What the conditions on the way to a site make of it: whether it is reached at all, and what becomes of it there."""

from collections.abc import Callable, Sequence
from typing import Protocol

from imp_graphcheck.record.audit import Fate, Reach
from imp_graphcheck.source.guard_class import HARMLESS, GuardClass


class Guard(Protocol):
    """A condition in the words of the source."""

    @property
    def kind(self) -> str: ...

    def __str__(self) -> str: ...


class Condition(Protocol):
    """A guard on the way, in which function it stands, and what kind of condition it is."""

    @property
    def guard(self) -> Guard: ...

    @property
    def kind(self) -> GuardClass: ...

    @property
    def function(self) -> int: ...


class Way(Protocol):
    """How a function is reached. `branches` are choices on it that another run may make otherwise."""

    @property
    def is_certain(self) -> bool: ...

    @property
    def why(self) -> str: ...

    @property
    def branches(self) -> int: ...


def reach_of(
    way: Way | None, conditions: Sequence[Condition], notes: list[str], *, is_sure: bool = True
) -> Reach:
    """Whether a captured region gets to a site by `way`; not `is_sure`: it may be none. Doubts are added to `notes`."""
    kinds = {each.kind for each in conditions}
    if way is None or "dead" in kinds or "other platform" in kinds:
        return "no"
    if not way.is_certain:
        if way.why:
            notes.append(way.why)
        return "maybe"
    if not is_sure:
        return "maybe"
    return "maybe" if kinds & {"environment", "debug", "error", "not capturing"} else "yes"


def fate_under(
    conditions: Sequence[Condition],
    fate: Fate,
    reason: str,
    notes: list[str],
    *,
    early: Callable[[int], Way | None],
    early_root: Callable[[int], str],
) -> tuple[Fate, str]:
    """`fate` and `reason` of a site under `conditions`.

    `early` is the way to a function before the first capture, `early_root` who starts it. What is made once and may not
    have been made by then is added to `notes`.
    """
    for each in conditions:
        words = HARMLESS.get(each.kind)
        if words is not None:
            return "harmless", f"{words}: {each.guard}"
    for each in conditions:
        if each.kind not in ("first call", "growth"):
            continue
        before = early(each.function)
        is_known = before is not None and before.is_certain
        if before is not None and is_known and not before.branches and each.kind == "first call":
            return "harmless", f"the first call only, and {early_root(each.function)} makes it before"
        when = "the first call only" if each.kind == "first call" else "only for what it has not seen before"
        who = (
            f"{early_root(each.function)} may have made it before" if is_known else "nothing makes it before"
        )
        notes.append(f"{when}: {each.guard}; {who}")
    return fate, reason


def words_of(conditions: Sequence[Condition]) -> str:
    """The conditions in the words of the source, nearest first, each once. Checks that only leave early say little."""
    telling = [each for each in conditions if each.kind != "other" or each.guard.kind != "return"]
    return " && ".join(dict.fromkeys(str(each.guard) for each in telling))
