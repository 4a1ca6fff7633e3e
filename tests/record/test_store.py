"""Runs on disk: nothing is lost, and what is no run is refused in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.encoder import Encoder
from imp_graphcheck.record.run import SCHEMA_VERSION, Run, Stage, Target
from imp_graphcheck.record.store import decode_run, encode_run, load_run, point_latest, save_run
from tests.record.strategies import records

RUN = Run(
    id="1",
    command=("imp-graphcheck", "capture", "x"),
    tool_version="0",
    started_at="2026-01-01T00:00:00+00:00",
    environment={"torch": "2"},
    target=Target(name="x", kind="factory", device="sim"),
    stages=(Stage(name="load", status="ok", seconds=0.5),),
)
ANY_RUN = records(Run).map(lambda run: replace(run, schema_version=SCHEMA_VERSION))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(run=ANY_RUN)
def test_nothing_is_lost(run: Run) -> None:
    assert decode_run(encode_run(run), origin="here") == run


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(first=ANY_RUN, second=ANY_RUN)
def test_an_encoder_forgets_nothing_and_keeps_nothing_old(first: Run, second: Run) -> None:
    encoder = Encoder()
    mixed = replace(second, graphs=first.graphs, memory=first.memory)
    for run in (first, mixed, second, first):
        assert encoder.encode(run) == encode_run(run)


def test_a_document_has_one_field_per_line() -> None:
    lines = encode_run(RUN).decode().splitlines()
    assert lines[0] == "{"
    assert lines[-1] == "}"
    assert [line.split('"')[1] for line in lines[1:-1]] == list(json.loads(encode_run(RUN)))


@pytest.mark.parametrize("kept", [0, 1, 2, 40, -3])
def test_a_truncated_document_is_refused(tmp_path: Path, kept: int) -> None:
    path = save_run(RUN, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError) as refused:
        load_run(tmp_path)
    assert str(path) in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "null",
        '{"schema_version": "2"}',
        '{"schema_version": 2}',
        '{"schema_version": 1}',
        '{"schema_version": 1, "graphs": 7}',
        '{"schema_version": 1, "graphs": [7]}',
        '{"schema_version": 1, "graphs": [{"nodes": 7}]}',
        '{"schema_version": 0}',
        '{"schema_version": 2, "x": ' + "[" * 200_000,
        '{"schema_version": 2, "id": 7}',
        "\x00\x01",
    ],
)
def test_a_foreign_document_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError) as refused:
        load_run(tmp_path)
    assert "\n" not in refused.value.message


def test_a_newer_document_is_refused(tmp_path: Path) -> None:
    save_run(replace(RUN, schema_version=SCHEMA_VERSION + 1), tmp_path)
    with pytest.raises(UsageError, match=f"schema version {SCHEMA_VERSION + 1}"):
        load_run(tmp_path)


def test_a_missing_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run can be read"):
        load_run(tmp_path / "nowhere")


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    document = {**json.loads(encode_run(RUN)), "colour": "red"}
    document["stages"][0]["weight"] = 3
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert load_run(tmp_path) == RUN


def test_version_1_is_read(tmp_path: Path) -> None:
    document = json.loads(encode_run(RUN))
    site = {"file": "model.py", "line": 3, "function": "forward", "stack": []}
    node = {"index": 0, "kind": "kernel", "name": "mul", "dependencies": [], "launch_site": site}
    bare = {"index": 1, "kind": "memset", "name": "memset", "dependencies": [0]}
    graph = {"key": "k", "nodes": [node, bare, {**node, "index": 2}], "capture_seconds": 0.1, "pool_bytes": 4}
    document.update(schema_version=1, graphs=[graph])
    del document["memory"]
    (tmp_path / "run.json").write_text(json.dumps(document))

    (read,) = load_run(tmp_path).graphs

    assert [node.launch for node in read.nodes] == [0, None, 0]
    assert [(site.file, site.line) for site in read.sites] == [("model.py", 3)]


def test_latest_names_the_newest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_run(replace(RUN, id=name), tmp_path / name)
        point_latest(tmp_path / name)
    assert load_run(tmp_path / "latest").id == "b"
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "latest"]


SAVES_FOR_EVER = """
import sys
from pathlib import Path
from msgspec.structs import replace
from tests.record.test_store import RUN
from imp_graphcheck.record.store import save_run

directory, count = Path(sys.argv[1]), 0
while True:
    count += 1
    save_run(replace(RUN, notes=tuple(str(count) for _ in range(20_000))), directory, durable=False)
    if count == 3:
        print("ready", flush=True)
"""


def test_a_process_killed_while_it_saves_leaves_a_whole_document(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(str(root / folder) for folder in (".", "engine", "kernels", "reports"))
    for delay in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", SAVES_FOR_EVER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            cwd=root,
        )
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(timeout=0.003 * delay)
        except subprocess.TimeoutExpired:
            child.kill()
        child.wait()
        child.stdout.close()
        notes = load_run(tmp_path).notes
        assert len(set(notes)) == 1
        assert len(notes) == 20_000


def test_records_are_read_without_torch(tmp_path: Path) -> None:
    save_run(RUN, tmp_path)
    root = Path(__file__).parents[2]
    code = (
        "import sys; from pathlib import Path; from imp_graphcheck.record.store import load_run;"
        "print(load_run(Path(sys.argv[1])).id, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout == "1 False\n"
