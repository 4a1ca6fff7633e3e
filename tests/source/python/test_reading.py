"""Reading a tree: whatever lies in it, nothing is imported or run, nothing crashes, and what cannot be read is listed."""

import os
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imp_graphcheck.errors import UsageError
from imp_graphcheck.source.python import tree
from imp_graphcheck.source.python.audit import audit_python
from imp_graphcheck.source.python.reader import read_file
from imp_graphcheck.source.python.syntax import UnreadableError
from imp_graphcheck.source.source_audit import SourceAudit

TREES = Path(__file__).parent / "trees"
SOURCES = sorted(TREES.rglob("*.py"))
PIECES = st.sampled_from(
    r"def|f(x)|:|\n|\n  |class|A|(|)|lambda|x|=|self.a|[|]|,|*|**|if|else|return|import|from|.|@|'|#|async|await|yield|f'{x}'|ü|\0|:=|match|case|_".replace(
        "\\n", "\n"
    ).split("|")
)


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


@given(st.lists(PIECES, max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(pieces: list[str]) -> None:
    text = " ".join(pieces)
    with suppress(UnreadableError):
        facts = read_file(text, "a.py")
        assert facts.lines == text.count("\n") + 1


@pytest.mark.parametrize("seed", range(12))
def test_a_tree_with_lines_missing_is_audited(seed: int, tmp_path: Path) -> None:
    """Functions that lost statements: what parses is read, names that are nowhere are unknown."""
    chance = random.Random(seed)
    for number, path in enumerate(SOURCES):
        lines = path.read_text().splitlines()
        kept = [line for line in lines if chance.random() > 0.08 or line.rstrip().endswith(":")]
        write(tmp_path, {f"m{number}.py": "\n".join(kept)})
    write(tmp_path, {"good.py": "def entry_of_all(x):\n    return x.cpu()\n"})
    found = audit_python(tmp_path, ["entry_of_all"])
    assert found.tree.files + len(found.tree.opaque) == len(SOURCES) + 1
    names = {
        f"m{number}.py:{line.split('def ')[1].split('(')[0]}"
        for number, path in enumerate(SOURCES)
        for line in path.read_text().splitlines()
        if line.startswith("def ")
    }
    read = {site.file for site in found.sites}
    assert read
    for name in sorted(names):
        # A function may have lost its first line, or its file may not parse any more.
        with suppress(UsageError):
            assert audit_python(tmp_path, [name]).tree.reached_functions


def test_what_is_no_source_is_listed(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": "def f(x):\n    x.cpu()\n"})
    (tmp_path / "binary.py").write_bytes(b"\x7fELF\0\0\0" * 100)
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n# Gr\xf6\xdfe\ndef g(x):\n    x.cpu()\n")
    (tmp_path / "wrong.py").write_bytes("# Größe\ndef g(x):\n    x.cpu()\n".encode("latin-1"))
    (tmp_path / "large.py").write_text("x = 1\n" * 1_500_000)
    (tmp_path / "newer.py").write_text("def h(x):\n    x.cpu()\n    print 'old'\n")
    os.symlink("/etc", tmp_path / "outside")
    os.symlink("/dev/zero", tmp_path / "endless.py")
    for folder in (".git", "__pycache__", "lib/site-packages", "env"):
        write(tmp_path, {f"{folder}/skipped.py": "def f(x):\n    x.cpu()\n"})
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    found = audit_python(tmp_path, ["f"])
    reasons = {each.file: each.reason for each in found.tree.opaque}
    assert reasons.keys() == {"binary.py", "wrong.py", "large.py", "newer.py"}
    assert reasons["binary.py"] == "it is no text"
    assert reasons["large.py"] == "larger than 8 MiB"
    assert reasons["wrong.py"].startswith("it cannot be decoded")
    assert [each.first for each in found.tree.opaque if each.file == "newer.py"] == [3]
    assert {site.file for site in found.sites} == {"good.py", "latin.py"}


def test_deep_nesting_is_read_or_listed(tmp_path: Path) -> None:
    chain = "".join(f"    {'el' if n else ''}if x == {n}:\n        y = {n}\n" for n in range(800))
    write(
        tmp_path,
        {
            "sum.py": "def long_sum(x):\n    y = " + " + ".join(["x"] * 900) + "\n    return y.item()\n",
            "brackets.py": "y = " + "(" * 5000 + "1" + ")" * 5000 + "\n",
            "elif.py": f"import torch\n\ndef many(x: torch.Tensor):\n{chain}    return x.item()\n",
            "dots.py": "def dots(x):\n    return x" + ".a()" * 300 + ".cpu()\n",
        },
    )
    before = sys.getrecursionlimit()
    found = audit_python(tmp_path, ["long_sum", "many", "dots"])
    assert [each.file for each in found.tree.opaque] == ["brackets.py"]
    assert {(site.file, site.reachable) for site in found.sites} >= {("elif.py", "yes"), ("dots.py", "yes")}
    assert sys.getrecursionlimit() == before


def test_nothing_of_the_tree_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    write(
        tmp_path / "tree",
        {"bad.py": f"open({str(mark)!r}, 'w').close()\n\n\ndef f(x):\n    return x.cpu()\n"},
    )
    assert len(audit_python(tmp_path / "tree", ["f"]).sites) == 1
    assert not mark.exists()
    assert "bad" not in sys.modules


def test_unreadable_file_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"good.py": "def f(x): ...", "secret.py": "def g(x): ..."})
    read = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path.name == "secret.py":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    found = audit_python(tmp_path, ["f"])
    assert [(each.file, each.reason) for each in found.tree.opaque] == [("secret.py", "Permission denied")]


def test_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        after = f"from m{number + 1} import step{number + 1}\n" if number < 5 else ""
        call = f"    step{number + 1}(x)\n" if number < 5 else ""
        write(tmp_path, {f"m{number}.py": f"{after}\n\ndef step{number}(x):\n{call}    return x.cpu()\n"})
    monkeypatch.setattr(tree, "_FEW_BYTES", 0)
    monkeypatch.setattr(tree, "_BATCH_BYTES", 64)
    one = audit_python(tmp_path, ["step0"], jobs=1)
    seen: list[tuple[int, int]] = []
    several = audit_python(tmp_path, ["step0"], jobs=2, on_progress=lambda done, of: seen.append((done, of)))
    assert several.sites == one.sites
    assert [site.reachable for site in one.sites] == ["yes"] * 6
    assert seen == [(number + 1, 6) for number in range(6)]


def by_line(found: SourceAudit) -> dict[tuple[str, int], str]:
    return {(site.file, site.line): site.reachable for site in found.sites}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("free", 2),
        ("m.py:free", 2),
        ("pkg/m.py:free", 2),
        ("pkg.m.free", 2),
        ("pkg.m:free", 2),
        ("A.method", 7),
        ("A::method", 7),
        ("pkg.m:A.method", 7),
        ("pkg/m.py:A::method", 7),
        ("B.method", 7),
        ("A.Inner.run", 11),
    ],
)
def test_an_entry_is_found_by_any_of_its_names(tmp_path: Path, name: str, line: int) -> None:
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/m.py": "def free(x):\n    x.cpu()\n\n\nclass A:\n    def method(self, x):\n        x.cpu()\n\n"
            "    class Inner:\n        def run(self, x):\n            x.cpu()\n\n\nclass B(A):\n    pass\n",
            "pkg/other.py": "class C:\n    def method(self, x):\n        x.cpu()\n",
        },
    )
    found = by_line(audit_python(tmp_path, [name]))
    assert {place for place, reach in found.items() if reach == "yes"} == {("pkg/m.py", line)}


def test_several_entries_are_taken_together(tmp_path: Path) -> None:
    write(
        tmp_path, {"m.py": "def f(x):\n    x.cpu()\n\n\ndef g(x):\n    x.cpu()\n\n\ndef h(x):\n    x.cpu()\n"}
    )
    found = audit_python(tmp_path, ["f", "g"])
    assert by_line(found) == {("m.py", 2): "yes", ("m.py", 6): "yes", ("m.py", 10): "no"}
    assert (found.tree.language, found.tree.entries, found.tree.functions) == ("python", ("f", "g"), 3)
    assert found.tree.reached_functions == 2


@pytest.mark.parametrize("name", ["forwards", "Model.forwards", "m.py:forwards", "m:", "::"])
def test_an_entry_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"m.py": "class Model:\n    def forward(self, x): ...\n"})
    with pytest.raises(UsageError) as refused:
        audit_python(tmp_path, [name])
    assert name in refused.value.message
    if "forwards" in name:
        assert "forward" in refused.value.hint


def test_a_folder_without_python_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.cpp": "void f();"})
    with pytest.raises(UsageError, match="no Python source"):
        audit_python(tmp_path, ["f"])


def test_a_named_prewarm_covers_the_first_call(tmp_path: Path) -> None:
    text = (
        "import torch\n\n\nclass A:\n    def __init__(self):\n        self.t = None\n\n    def get(self):\n"
        "        if self.t is None:\n            self.t = torch.tensor([1], device='cuda')\n        return self.t\n\n"
        "    def start(self):\n        self.get()\n\n    def step(self):\n        return self.get()\n"
    )
    write(tmp_path, {"m.py": text})
    (site,) = audit_python(tmp_path, ["A.step"]).sites
    assert site.fate == "forbidden"
    assert "nothing makes it before" in " ".join(site.notes)
    (site,) = audit_python(tmp_path, ["A.step"], prewarm=["A.start"]).sites
    assert (site.fate, site.reason) == (
        "harmless",
        "the first call only, and A.start() (m.py:13) makes it before",
    )


def test_calls_that_nobody_can_follow_are_listed(tmp_path: Path) -> None:
    write(tmp_path, {"m.py": "def f(x, fn):\n    fn(x)\n    getattr(x, fn)()\n    return len(x)\n"})
    found = audit_python(tmp_path, ["f"])
    assert "m.py:2 fn" in found.tree.unknown_calls
    assert not any("len" in each for each in found.tree.unknown_calls)
