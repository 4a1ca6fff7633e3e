"""Which of the packages that matter are installed."""

from importlib import metadata
from importlib.util import find_spec

REQUIRED = (
    "numpy",
    "pandas",
    "safetensors",
    "tokenizers",
    "msgspec",
    "typer",
    "rich",
    "nvidia-ml-py",
    "tree-sitter",
)
OPTIONAL = ("cuda-bindings", "cupti-python", "transformers")


def installed() -> dict[str, str | None]:
    """The version of each package, None for one that is not there."""
    return {name: _version(name) for name in (*REQUIRED, *OPTIONAL)}


def warnings() -> tuple[str, ...]:
    """What is installed in a way that will hurt."""
    return tuple(filter(None, (_shadowed_kernels(),)))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _shadowed_kernels() -> str | None:
    """transformers imports a distribution called `kernels` whenever a module of that name can be found.

    A folder without `__init__.py` (such as this repository's) is harmless: it has no origin.
    """
    spec = find_spec("kernels")
    if spec is None or spec.origin is None or _version("kernels") is not None:
        return None
    return (
        f"{spec.origin} shadows the distribution `kernels`, and transformers will import it by mistake; "
        "rename it or take its folder off sys.path"
    )
