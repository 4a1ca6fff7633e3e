"""A checkpoint directory: its configuration and the whereabouts of its tensors."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imp_engine.checkpoint.safetensors_file import StoredTensor, read_header
from imp_engine.config import ModelConfig
from imp_engine.errors import CheckpointError

WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a directory says of itself, before a weight is read. Nothing in it is ever unpickled or executed."""

    path: Path
    config: ModelConfig
    tensors: dict[str, StoredTensor]
    stop_token_ids: frozenset[int]
    """Tokens that end a generated text, from `generation_config.json` or `config.json`."""

    @classmethod
    def open(cls, path: str | Path) -> "Checkpoint":
        """Read the JSON files and the headers of the weight files at `path`.

        Raises `CheckpointError` or `ConfigError` for a directory that cannot be used; reads no weights.
        """
        directory = Path(path)
        if not directory.is_dir():
            raise CheckpointError(
                f"There is no directory {directory}.", "Give the path of a checkpoint directory."
            )
        if not (directory / "config.json").is_file():
            raise CheckpointError(
                f"There is no config.json in {directory}.", "Is it the directory that holds the weights?"
            )
        raw = _read_json(directory / "config.json")
        config = ModelConfig.from_hf(raw)
        tensors: dict[str, StoredTensor] = {}
        for file in _weight_files(directory):
            tensors.update(read_header(file))
        return cls(directory, config, tensors, _stop_token_ids(directory, raw))

    @property
    def tokenizer_file(self) -> Path:
        """Where the tokenizer lies, if there is one."""
        return self.path / "tokenizer.json"


def _weight_files(directory: Path) -> list[Path]:
    """The safetensors files of the checkpoint, each known to exist inside the directory."""
    if (directory / INDEX).is_file():
        weight_map = _read_json(directory / INDEX).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise CheckpointError(f"{directory / INDEX} has no weight_map.", "Download the index again.")
        return [_shard(directory, name) for name in sorted({str(name) for name in weight_map.values()})]
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS]
    pickled = sorted(file.name for file in directory.glob("*.bin"))
    found = (
        f"only {pickled[0]}, which is pickled and never read" if pickled else f"neither {WEIGHTS} nor {INDEX}"
    )
    raise CheckpointError(f"There are no weights in {directory}: {found}.", "Use a safetensors checkpoint.")


def _shard(directory: Path, name: str) -> Path:
    """The file of one shard. Its name comes from a downloaded file, so it must be a plain file name."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise CheckpointError(
            f"{INDEX} names the shard {name!r}, which is not a plain file name.",
            "Do not use this checkpoint unless you know why its index points elsewhere.",
        )
    file = directory / name
    if not file.is_file():
        raise CheckpointError(f"{INDEX} names the shard {name}, which is not in {directory}.", "Download it.")
    return file


def _stop_token_ids(directory: Path, raw_config: dict[str, Any]) -> frozenset[int]:
    file = directory / "generation_config.json"
    generation = _read_json(file) if file.is_file() else {}
    stop = generation.get("eos_token_id", raw_config.get("eos_token_id"))
    ids = stop if isinstance(stop, list) else [] if stop is None else [stop]
    if not all(isinstance(token, int) for token in ids):
        raise CheckpointError(f"{directory} has eos_token_id = {stop!r}; allowed are integers.")
    return frozenset(ids)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(
            f"{file} cannot be read as JSON: {error}.", "Download the file again."
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds a JSON {type(content).__name__}; allowed is an object.")
    return content
