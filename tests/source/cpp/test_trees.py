"""Trees of C++ with the traps of real ones. What each site is stands beside it, as `//! class reachable fate [host]`.

A number after the mark says how many lines above the site begins, `?` that anything will do. A line without a mark
has no site.
"""

import re
from pathlib import Path

import pytest

from imp_graphcheck.record.audit import AuditSite
from imp_graphcheck.source.cpp.audit import audit_cpp
from imp_graphcheck.source.cpp.tree import SUFFIXES

TREES = Path(__file__).parent / "trees"
MARK = re.compile(
    r"/[/*]! (-\d+ )?(\w+) (yes|maybe|no|\?)(?: (forbidden|rereads host|fixed|capture only|harmless|\?))?(?: (pinned|pageable))?(?= \*/|$)"
)


def marks(tree: Path) -> dict[tuple[str, int, str], tuple[str, str | None, str | None]]:
    """(file, line, class) of every mark, and what it says."""
    found = {}
    for path in sorted(tree.rglob("*")):
        if path.suffix not in SUFFIXES:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not re.search("/[/*]!", line):
                continue
            mark = MARK.search(line)
            assert mark is not None, f"{path.name}:{number}: {line}"
            offset, kind, reachable, fate, host = mark.groups()
            found[str(path.relative_to(tree)), number + int(offset or 0), kind] = (reachable, fate, host)
    return found


def entry(tree: Path) -> str:
    for path in sorted(tree.rglob("*")):
        if path.is_file() and (named := re.match(r"// entry: (\S+)", path.read_text())):
            return named.group(1)
    raise AssertionError(f"{tree.name} names no entry")


def words(site: AuditSite) -> str:
    chain = " > ".join(str(step) for step in site.chain)
    return f"{site.place} {site.api}: {site.kind} {site.reachable} {site.fate} ({site.guard}; {site.notes}; {chain})"


@pytest.mark.parametrize("tree", sorted(TREES.iterdir()), ids=lambda path: path.name)
def test_every_site_is_found_and_judged(tree: Path) -> None:
    expected = marks(tree)
    found = {(site.file, site.line, site.kind): site for site in audit_cpp(tree, [entry(tree)]).sites}
    wrong = []
    for key, (reachable, fate, host) in expected.items():
        site = found.get(key)
        if site is None:
            wrong.append(f"{key}: not found")
            continue
        if (
            reachable not in ("?", site.reachable)
            or fate not in (None, "?", site.fate)
            or host not in (None, site.host)
        ):
            wrong.append(f"expected {reachable} {fate} {host or ''}: {words(site)}")
    wrong += [f"not expected: {words(site)}" for key, site in found.items() if key not in expected]
    assert not wrong, "\n".join(wrong)
