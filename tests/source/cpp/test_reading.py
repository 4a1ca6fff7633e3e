"""Reading a tree: whatever lies in it, nothing is executed, nothing crashes, and what cannot be read is listed."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imp_graphcheck.errors import UsageError
from imp_graphcheck.source.cpp import reader, tree
from imp_graphcheck.source.cpp.audit import audit_cpp
from imp_graphcheck.source.cpp.preprocessor import clean
from imp_graphcheck.source.cpp.reader import read_file
from imp_graphcheck.source.cpp.tree import SUFFIXES, read_tree

TREES = Path(__file__).parent / "trees"
SOURCES = sorted(path for path in TREES.rglob("*") if path.suffix in SUFFIXES)
PIECES = st.sampled_from(
    """{ } ( ) < > ; , = " ' /* */ // :: -> [&] \\| R"( \x00 ü |#if 0| |#else| |#endif| |#define A(x) x|
    int|f cudaFree(p) class|A template|< if|(x) else return""".replace("|", "\n").split(" ")
)


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


@given(st.lists(PIECES, max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    facts = read_file(text, "a.cu", substitutes={}, macros={"A"}, dropping={"A"}, statements={"A"})
    assert facts.lines >= 1


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_cleaning_keeps_every_line_where_it_is(text: str) -> None:
    cleaned = clean(text, "a.cu")
    assert cleaned.text.count("\n") == text.replace("\r\n", "\n").count("\n")
    assert len(cleaned.conditions) == cleaned.text.count("\n") + 1


@pytest.mark.parametrize("seed", range(30))
def test_half_a_file_is_read(seed: int) -> None:
    """Sources with lines missing, as they are in the middle of an edit or behind a macro that nobody knows."""
    chance = random.Random(seed)
    for path in SOURCES:
        lines = path.read_text().splitlines()
        kept = [line for line in lines if chance.random() > 0.15]
        read_file("\n".join(kept), path.name, substitutes={})


def test_what_is_no_source_is_listed(tmp_path: Path) -> None:
    write(tmp_path, {"good.cu": "void f() { cudaFree(p); }"})
    (tmp_path / "binary.cu").write_bytes(b"\x7fELF\0\0\0" * 100)
    (tmp_path / "latin.cu").write_bytes("// Größe\nvoid g() { cudaFree(p); }\n".encode("latin-1"))
    (tmp_path / "large.cu").write_text("int x;\n" * 1_300_000)
    os.symlink("/etc", tmp_path / "outside")
    os.symlink("/dev/zero", tmp_path / "endless.cu")
    (tmp_path / "broken.cu").write_text("void h() {\n  int x = 3 @@ 4 );\n  cudaFree(p);\n}\n")
    found = audit_cpp(tmp_path, ["f"])
    assert {each.file: each.reason for each in found.tree.opaque if each.first == 0} == {
        "binary.cu": "it is no text",
        "large.cu": "larger than 8 MiB",
    }
    assert [(each.file, each.first) for each in found.tree.opaque if each.first] == [("broken.cu", 2)]
    assert {site.file for site in found.sites} == {"good.cu", "latin.cu", "broken.cu"}


def test_a_table_of_numbers_is_not_parsed(tmp_path: Path) -> None:
    row = "0x7f, 0x45, 0x4c, 0x46, " * 8 + "\n"
    write(
        tmp_path,
        {
            "cubin.cpp": "unsigned char kernel[] = {\n" + row * 2_000 + "};\n",
            "beside.cu": "unsigned char table[] = {\n" + row * 2_000 + "};\nvoid f() { cudaFree(p); }\n",
        },
    )
    found = audit_cpp(tmp_path, ["f"])
    assert [(each.file, each.reason) for each in found.tree.opaque] == [
        ("cubin.cpp", "it holds data and hardly any code")
    ]
    assert [(site.place, site.reachable) for site in found.sites] == [("beside.cu:2003", "yes")]
    assert found.tree.lines == 2_003 + 2_004


def test_what_takes_too_long_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LONGEST_PARSE_S", 0)
    write(tmp_path, {"endless.cu": "void f() { cudaFree(p); } " * 2_000})
    read = read_tree(tmp_path)
    assert [(each.file, each.reason) for each in read.opaque] == [
        ("endless.cu", "it cannot be parsed in 0 s")
    ]
    monkeypatch.undo()
    assert not read_tree(tmp_path).opaque


def test_unreadable_file_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"good.cu": "void f() {}", "secret.cu": "void g() {}"})
    opened = open

    def refuse(path: str, *arguments: str) -> object:
        if str(path).endswith("secret.cu"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments)

    monkeypatch.setattr("builtins.open", refuse)
    assert [(each.file, each.reason) for each in read_tree(tmp_path).opaque] == [
        ("secret.cu", "Permission denied")
    ]


def test_deep_nesting(tmp_path: Path) -> None:
    branches = " else ".join(f"if (x == {n}) {{ y = {n}; }}" for n in range(3000))
    blocks = "{" * 2000 + "cudaFree(p);" + "}" * 2000
    write(tmp_path, {"deep.cu": f"void f(int x) {{ {branches} else {{ cudaMalloc(&p, 4); }} {blocks} }}"})
    found = audit_cpp(tmp_path, ["f"])
    assert {site.api for site in found.sites} == {"cudaMalloc", "cudaFree"}


def test_recursion_and_cycles_end(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.h": '#include "b.h"\n#define A B\n#define B A\n#define F(x) G(x)\n#define G(x) F(x)\n',
            "b.h": '#include "a.h"\nstruct X : Y {}; struct Y : X { X x; void f(); }; using T = U; using U = T;',
            "c.cu": '#include "a.h"\nvoid f(T t) { t.g(); F(1); A; X x; g(); }\nvoid g() { f(T()); cudaFree(p); }',
        },
    )
    found = audit_cpp(tmp_path, ["f"])
    assert [(site.api, site.reachable) for site in found.sites] == [("cudaFree", "yes")]


def test_in_processes_as_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    write(tmp_path, {f"part{n}.cu": text.replace("forward", f"forward{n}") for n in range(6)})
    one = audit_cpp(tmp_path, ["forward3"], jobs=1)
    monkeypatch.setattr(tree, "_FEW_BYTES", 0)
    monkeypatch.setattr(tree, "_BATCH_BYTES", 1)
    several = audit_cpp(tmp_path, ["forward3"], jobs=2)
    assert one.sites == several.sites
    assert any(site.reachable == "yes" for site in one.sites)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("frward", "did you mean forward"),
        ("Other::forward", "no function of this name"),
        ("", "names no function"),
        ("other.cu:forward", "no function of this name"),
    ],
)
def test_an_entry_that_is_not_there(tmp_path: Path, entry: str, message: str) -> None:
    write(tmp_path, {"a.cu": "void forward() {}"})
    with pytest.raises(UsageError) as caught:
        audit_cpp(tmp_path, [entry])
    assert message in f"{caught.value.message} {caught.value.hint}"


def test_a_folder_without_source(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no C\+\+ or CUDA source"):
        audit_cpp(tmp_path, ["forward"])
