"""Bad input ends in one sentence and a hint, exit 2, no traceback, and nothing on disk."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "qwen3-tiny"
PROGRAMS = Path(__file__).parents[1] / "capture" / "programs.py"


def refused(done: "subprocess.CompletedProcess[str]", tmp_path: Path, *words: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in sentence
    assert any(line.startswith("hint: ") for line in done.stderr.splitlines())
    assert not (tmp_path / ".graphcheck").exists()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a shipped checkpoint, to be damaged."""
    return shutil.copytree(CHECKPOINT, tmp_path / "model")


def weights_of(model: Path) -> Path:
    return sorted(model.glob("*.safetensors"))[0]


def test_no_such_directory(run: Run, tmp_path: Path) -> None:
    refused(run("capture", "models/nowhere"), tmp_path, "models/nowhere")


def test_truncated_safetensors(run: Run, tmp_path: Path, copy: Path) -> None:
    weights = weights_of(copy)
    os.truncate(weights, weights.stat().st_size - 1000)
    refused(run("capture", "model"), tmp_path, weights.name)


def test_missing_tensor(run: Run, tmp_path: Path, copy: Path) -> None:
    index = copy / "model.safetensors.index.json"
    name = "model.layers.0.self_attn.q_norm.weight"
    for weights in copy.glob("*.safetensors"):
        tensors = load_file(weights)
        tensors.pop(name, None)
        save_file(tensors, weights)
    if index.exists():
        document = json.loads(index.read_text())
        del document["weight_map"][name]
        index.write_text(json.dumps(document))
    refused(run("capture", "model"), tmp_path, name)


def test_wrong_shape(run: Run, tmp_path: Path, copy: Path) -> None:
    name = "model.norm.weight"
    for weights in copy.glob("*.safetensors"):
        tensors = load_file(weights)
        if name in tensors:
            tensors[name] = tensors[name][:-1].clone()
            save_file(tensors, weights)
    refused(run("capture", "model"), tmp_path, name, "63", "64")


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("architectures", ["MysteryForCausalLM"], "MysteryForCausalLM"),
        ("num_hidden_layers", 7, "layers"),
        ("hidden_size", 96, "96"),
    ],
)
def test_config_that_contradicts(
    run: Run, tmp_path: Path, copy: Path, key: str, value: object, word: str
) -> None:
    config = json.loads((copy / "config.json").read_text())
    config[key] = value
    (copy / "config.json").write_text(json.dumps(config))
    refused(run("capture", "model"), tmp_path, word)


def test_config_that_is_no_json(run: Run, tmp_path: Path, copy: Path) -> None:
    (copy / "config.json").write_text('{"architectures": [')
    refused(run("capture", "model"), tmp_path, "config.json")


def test_shard_outside_the_directory(run: Run, tmp_path: Path, copy: Path) -> None:
    shutil.copy(weights_of(copy), tmp_path / "outside.safetensors")
    names = load_file(tmp_path / "outside.safetensors").keys()
    for weights in copy.glob("*.safetensors"):
        weights.unlink()
    (copy / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict.fromkeys(names, "../outside.safetensors")})
    )
    refused(run("capture", "model"), tmp_path, "../outside.safetensors")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("qwen3-tiny", "--pp", "5000"), ("5000", "4096")),
        (("qwen3-tiny", "--chunk", "0"), ("--chunk 0",)),
        (("qwen3-tiny", "--pp", "0"), ("--pp 0",)),
        (("qwen3-tiny", "--requests", "0"), ("--requests 0",)),
        (("qwen3-tiny", "--fault", "gremlins"), ("gremlins",)),
        (("qwen4-tiny",), ("qwen4-tiny",)),
        ((f"{PROGRAMS}:raises",), ("RuntimeError: no such model",)),
        ((f"{PROGRAMS}:setup_raises",), ("FileNotFoundError",)),
        ((f"{PROGRAMS}:misspelt",), ("misspelt",)),
        (("nowhere.py:target",), ("nowhere.py",)),
    ],
    ids=lambda value: " ".join(value)[-30:] if isinstance(value, tuple) else None,
)
def test_options_and_factories(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(run("capture", "--device", "sim", *arguments), tmp_path, *words)


@pytest.mark.parametrize(("option", "value"), [("--capture-mode", "sideways"), ("--dtype", "int4")])
def test_values_that_an_option_does_not_have(run: Run, tmp_path: Path, option: str, value: str) -> None:
    done = run("capture", "qwen3-tiny", option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Invalid value for '{option}'" in done.stderr
    assert value in done.stderr
    assert not (tmp_path / ".graphcheck").exists()


def test_cuda_without_a_gpu(run: Run, tmp_path: Path) -> None:
    done = run("capture", "qwen3-tiny", "--device", "cuda", CUDA_VISIBLE_DEVICES="")
    refused(done, tmp_path, "--device cuda")
    assert "doctor" in done.stderr


def test_output_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    refused(run("capture", "qwen3-tiny", "--output", "taken"), tmp_path, "taken")


ENDS = """
import ctypes, os, sys

def exits():
    sys.exit(5)  # the line

def crashes():
    ctypes.string_at(0)  # the line

def leaves():
    os._exit(9)
"""


@pytest.mark.parametrize("command", ["capture", "bisect"])
@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("exits", ("the program called sys.exit(5)", "ends.py:5")),
        ("crashes", ("SIGSEGV while the program was imported and built", "crashes() at ends.py:8")),
        ("leaves", ("exited with status 9 while the program was imported and built",)),
    ],
)
def test_a_program_that_ends_the_process_while_it_is_built(
    run: Run, tmp_path: Path, command: str, factory: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "ends.py").write_text(ENDS)
    refused(run(command, f"ends.py:{factory}", "--device", "sim"), tmp_path, *words)
