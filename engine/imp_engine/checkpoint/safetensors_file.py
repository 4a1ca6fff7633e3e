"""The header of a safetensors file: what it holds, known without reading a weight.

Layout: 8 bytes little-endian header length, the header in JSON, then the data. The header gives each tensor's dtype,
shape and byte range in the data.
"""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from imp_engine.errors import CheckpointError

LARGEST_HEADER_BYTES: Final = 100_000_000
ITEM_BYTES: Final = {"F32": 4, "F16": 2, "BF16": 2}
"""The dtypes that the engine reads."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a checkpoint, still on disk."""

    file: Path
    dtype: str
    """As safetensors spells it: `BF16`, `F32`, ..."""
    shape: tuple[int, ...]


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors in `file` by name. Raises `CheckpointError` if the file is damaged, cut short included."""
    file_bytes = file.stat().st_size
    with file.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        if header_bytes > min(LARGEST_HEADER_BYTES, file_bytes - 8):
            raise CheckpointError(
                f"{file} is no complete safetensors file: {file_bytes} bytes cannot hold "
                f"a header of {header_bytes} bytes.",
                "Download the file again.",
            )
        text = stream.read(header_bytes)
    try:
        header: dict[str, dict[str, Any]] = json.loads(text)
        header.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        tensors = {
            name: StoredTensor(file, entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()
        }
        lengths = {
            name: entry["data_offsets"][1] - entry["data_offsets"][0] for name, entry in header.items()
        }
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CheckpointError(
            f"The header of {file} is damaged: {error}.", "Download the file again."
        ) from error

    expected = 8 + header_bytes + end
    if file_bytes != expected:
        raise CheckpointError(
            f"{file} has {file_bytes} bytes, and its header describes {expected}.", "Download the file again."
        )
    for name, tensor in tensors.items():
        item_bytes = ITEM_BYTES.get(tensor.dtype)
        if item_bytes is not None and lengths[name] != item_bytes * prod(tensor.shape):
            raise CheckpointError(
                f"{file} gives {name} {lengths[name]} bytes, which is not {tensor.dtype} of shape {list(tensor.shape)}.",
                "Download the file again.",
            )
    return tensors
