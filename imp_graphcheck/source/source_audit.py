"""What reading a tree found, in whatever language it is written."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import AuditSite, SourceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAudit:
    """What reading found."""

    sites: tuple[AuditSite, ...]
    tree: SourceTree
    notes: tuple[str, ...] = ()


def no_such_entry(name: str, word: str, known: Iterable[str]) -> UsageError:
    """The error for an entry that is not there: `word` is the part of `name` that is no function of `known`."""
    near: Sequence[str] = difflib.get_close_matches(word, list(known), n=3)
    return UsageError(
        f"--entry {name}: no function of this name has a body in the tree.",
        hint=f"did you mean {' or '.join(near)}?" if near else "name a function that is defined in the tree",
    )
