"""Where a project's modules lie: from dotted names to files and back.

Looks at the disk, never into a file; nothing is imported. Knows Python's layout of packages, src folders and scripts.
Must never know what is in a module, a rule or libcst.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(slots=True)
class Layout:
    """Finds modules below a root. One object serves a whole run."""

    root: str = ""
    """Nothing outside of this folder is found; '' = no bound."""
    _roots: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def module_name(self, path: str) -> str:
        """The dotted name of a file by the packages around it: 'pkg.sub.work', 'pkg' for pkg/__init__.py."""
        folder, file = os.path.split(path)
        parts = [] if file == "__init__.py" else [file.rpartition(".")[0]]
        while os.path.isfile(os.path.join(folder, "__init__.py")):
            folder, package = os.path.split(os.path.abspath(folder) if folder in ("", ".", "..") else folder)
            parts.insert(0, package)
        return ".".join(parts)

    def locate(self, name: str, importer: str) -> tuple[str, str] | None:
        """Path and dotted name of the module that holds `name` ('pkg.work.enrich'), looked for from the file that imports it."""
        parts = name.split(".")
        for root in self._import_roots(importer):
            found = self._below(root, parts)
            if found is not None and self._inside(found[0]):
                path, length = found
                return os.path.normpath(path).replace(os.sep, "/"), ".".join(parts[:length])
        return None

    def entries(self, path: str) -> tuple[str, ...]:
        """Files from which a program that imports this one may start: __main__.py of its top package, scripts beside that."""
        folder = package = os.path.dirname(path)
        while os.path.isfile(os.path.join(folder, "__init__.py")):
            package, folder = folder, os.path.normpath(os.path.join(folder, os.pardir))
        found = [os.path.join(package, "__main__.py")]
        if self._inside(os.path.join(folder, "x.py")):
            try:
                found += sorted(entry.path for entry in os.scandir(folder or os.curdir) if entry.name.endswith(".py"))
            except OSError:
                # a folder that cannot be listed is reported by the walk, if it is part of the run
                return ()
        own = os.path.normpath(path)
        return tuple(each for each in found if os.path.normpath(each) != own and os.path.isfile(each))

    def _inside(self, path: str) -> bool:
        return not self.root or os.path.realpath(path).startswith(os.path.realpath(self.root) + os.sep)

    def _import_roots(self, importer: str) -> tuple[str, ...]:
        """Folders that a file's absolute imports start from: its package's parent, its own folder, the root, root/src."""
        folder = os.path.dirname(importer)
        known = self._roots.get(folder)
        if known is None:
            package = folder
            while os.path.isfile(os.path.join(package, "__init__.py")):
                package = os.path.normpath(os.path.join(package, os.pardir))
            roots = [package, folder]
            if self.root:
                inside = os.path.relpath(self.root) if not os.path.isabs(importer) else self.root
                roots += [inside, os.path.join(inside, "src")]
            known = self._roots[folder] = tuple(dict.fromkeys(os.path.normpath(root or os.curdir) for root in roots))
        return known

    def _below(self, root: str, parts: list[str]) -> tuple[str, int] | None:
        """The file of the longest prefix of a name that is a module below `root`, and the prefix's length."""
        folder = root
        for index, part in enumerate(parts):
            file = os.path.join(folder, f"{part}.py")
            inner = os.path.join(folder, part)
            # a package wins over a module of the same name, as it does in Python
            if os.path.isfile(os.path.join(inner, "__init__.py")) or (os.path.isdir(inner) and not os.path.isfile(file)):
                folder = inner
                continue
            if os.path.isfile(file):
                return file, index + 1
            package = os.path.join(folder, "__init__.py")
            return (package, index) if index and os.path.isfile(package) else None
        package = os.path.join(folder, "__init__.py")
        return (package, len(parts)) if os.path.isfile(package) else None
