"""Trees of Python with the traps of real ones. What each site is stands beside it, as `#! class reachable fate [host]`.

`?` means that anything will do. A line without a mark has no site.
"""

import re
from pathlib import Path

import pytest

from imp_graphcheck.record.audit import AuditSite
from imp_graphcheck.source.python.audit import audit_python

TREES = Path(__file__).parent / "trees"
MARK = re.compile(
    r"#! (\w+) (yes|maybe|no|\?)(?: (forbidden|rereads host|fixed|capture only|harmless|\?))?(?: (pinned|pageable))?$"
)
LAW = re.compile(r"^(Tensor\.__\w+__|\w+\(Tensor\))$")
"""Sites that the source does not call by a name: what they do is written as an operator or a conversion."""


def marks(tree: Path) -> dict[tuple[str, int, str], tuple[str, str | None, str | None]]:
    """(file, line, class) of every mark, and what it says."""
    found = {}
    for path in sorted(tree.rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "#!" not in line:
                continue
            mark = MARK.search(line)
            assert mark is not None, f"{path.name}:{number}: {line}"
            kind, reachable, fate, host = mark.groups()
            found[str(path.relative_to(tree)), number, kind] = (reachable, fate, host)
    return found


def entry(tree: Path) -> str:
    for path in sorted(tree.rglob("*.py")):
        if named := re.match(r"# entry: (\S+)", path.read_text()):
            return named.group(1)
    raise AssertionError(f"{tree.name} names no entry")


def words(site: AuditSite) -> str:
    chain = " > ".join(str(step) for step in site.chain)
    return f"{site.place} {site.api}: {site.kind} {site.reachable} {site.fate} ({site.guard}; {site.reason}; {site.notes}; {chain})"


@pytest.mark.parametrize("tree", sorted(TREES.iterdir()), ids=lambda path: path.name)
def test_every_site_is_found_and_judged(tree: Path) -> None:
    expected = marks(tree)
    assert expected, f"{tree.name} marks nothing"
    found = {(site.file, site.line, site.kind): site for site in audit_python(tree, [entry(tree)]).sites}
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


@pytest.mark.parametrize("tree", sorted(TREES.iterdir()), ids=lambda path: path.name)
def test_every_site_is_where_its_call_is(tree: Path) -> None:
    sites = audit_python(tree, [entry(tree)]).sites
    assert sites
    for site in sites:
        line = (tree / site.file).read_text().splitlines()[site.line - 1]
        name = site.api.rpartition(".")[2]
        assert site.text, site.place
        assert (
            LAW.match(site.api)
            or name in line
            or name == "cudaHostAlloc"
            or "triton" in site.api
            or "compile" in site.api
        ), f"{site.place} says {site.api}: {line}"


def notes_at(tree: str, line_with: str) -> tuple[str, str]:
    """Guard and notes of the site in the line of a tree that holds these words."""
    (path,) = (TREES / tree).rglob("*.py")
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if line_with in text)
    (site,) = (site for site in audit_python(TREES / tree, [entry(TREES / tree)]).sites if site.line == line)
    return site.guard, " ".join(site.notes)


@pytest.mark.parametrize(
    ("line", "guard", "note"),
    [
        ("_table = torch.tensor", "_table is None", "the first call only"),
        ("self.buffer = torch.tensor", "self.size < n", "only for what it has not seen before"),
        ("return torch.tensor([1.0, 2.0]", "@functools.lru_cache", "the first call only"),
        ("return torch.tensor([1.0] * n", "@functools.cache", "only for what it has not seen before"),
        ("y = _cache[key] = torch.tensor", "except KeyError", "only for what it has not seen before"),
        ("self.once = x.tolist()", 'not hasattr(self, "once")', "the first call only"),
        ('found["image"] = x.tolist()', 'found.get("image") is None', ""),
        ("x.item()  #! d2h maybe forbidden", "CHECK", ""),
    ],
)
def test_a_guard_is_told_in_the_words_of_the_source(line: str, guard: str, note: str) -> None:
    words_of_guard, notes = notes_at("guards", line)
    assert guard in words_of_guard
    assert note in notes
    if not note:
        assert "first call" not in notes
        assert "not seen before" not in notes
