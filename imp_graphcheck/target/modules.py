"""Which loaded modules make up a program."""

import sys
import sysconfig
from pathlib import Path
from types import ModuleType

from imp_graphcheck.device.stack import belongs_to_program

_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def modules_beside(module: ModuleType) -> dict[str, ModuleType]:
    """The other modules of the program that `module` belongs to, by name.

    They are those of the same package, and those whose file lies in the folder of `module` or below it and was not
    installed there.
    """
    package, file = module.__name__.partition(".")[0], getattr(module, "__file__", None)
    folder = None if file is None else Path(file).parent
    return {
        name: other
        for name, other in list(sys.modules.items())
        if other is not module and _is_beside(name, other, package, folder)
    }


def _is_beside(name: str, other: ModuleType, package: str, folder: Path | None) -> bool:
    file = getattr(other, "__file__", None)
    if not isinstance(file, str) or not belongs_to_program(file):
        return False
    if name.partition(".")[0] == package:
        return True
    path = Path(file)
    return (
        folder is not None
        and path.is_relative_to(folder)
        and not any(path.is_relative_to(installed) for installed in _INSTALLED)
    )
