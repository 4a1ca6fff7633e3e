"""Files of an audit, seen from the folders that hold the sources.

A source audit names files from the directory that it read, a run from its working directory. A code host knows neither:
it wants the way from the root of the repository.
"""

import os
import posixpath
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from imp_graphcheck.record.audit import Audit, AuditSite


class AuditPaths:
    """`roots` are absolute."""

    def __init__(self, audit: Audit, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._tree = None if audit.source is None else Path(audit.source.directory)
        self._only_read = not audit.target
        self._found = lru_cache(maxsize=4096)(self._find)

    def of(self, site: AuditSite) -> str:
        """The file of `site`: from a root where it lies below one, else as the record has it."""
        return self.read(site.file) if self._was_read(site) else site.file

    def read(self, file: str) -> str:
        """The same for a file that is named from the directory that was read, as those of chains are."""
        return self._found(file)

    def _find(self, file: str) -> str:
        if self._tree is None or file.startswith(("/", "<")) or not file or "\0" in file:
            return file
        path = posixpath.normpath(str(self._tree / file))
        if not path.startswith("/"):
            return file if path.split("/")[0] == ".." else path
        root = next((root for root in self._roots if Path(path).is_relative_to(root)), None)
        return file if root is None else Path(path).relative_to(root).as_posix()

    def _was_read(self, site: AuditSite) -> bool:
        if self._tree is None or self._only_read or "source" in site.origins:
            return True
        # Seen and not read: named from the directory all the same, if it lies in there.
        return os.path.isfile(self._tree / site.file)
