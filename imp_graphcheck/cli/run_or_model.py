"""RUN|MODEL on the command line: something saved, or something to capture."""

from pathlib import Path

import typer

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.store import LATEST, RUN_FILE

_FOR_MODELS = (
    "pp",
    "chunk",
    "requests",
    "device",
    "dtype",
    "seed",
    "fault",
    "output",
    "fail_on",
    "timeout",
    "quiet",
)


def names_model(word: str) -> bool:
    """Whether `word` is a checkpoint, FILE.py:NAME or MODULE:NAME, or may be the name of a shape; else it is a run."""
    path = Path(word)
    if word == LATEST or path.is_file() or (path / RUN_FILE).exists():
        return False
    if path.is_dir():
        return (path / "config.json").exists() or any(path.glob("*.safetensors"))
    module, colon, factory = word.rpartition(":")
    if colon and module and factory.isidentifier():
        return True
    return len(path.parts) == 1 and path.suffix != ".json"


def refuse_model_options(context: typer.Context) -> None:
    """A saved run is what it is. Raises UsageError for options that only a capture can heed."""
    for name in _FOR_MODELS:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.replace('_', '-')} is for a MODEL, and {context.params['run']} is a saved run.",
                hint="leave it out, or name a checkpoint directory, a shape, or module:factory",
            )
