"""Where a project's modules lie: from dotted names to files and back.

Looks at the disk; nothing is imported. Knows Python's layout of packages, src folders and scripts.
Must never know what is in a module, a rule or libcst.
"""

from __future__ import annotations

import os

from poolaudit.disk import Disk

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files of which one lies at the root of a project."""


class Layout:
    """Finds modules below a root. One object serves a whole run."""

    def __init__(self, root: str = "") -> None:
        """`root`: nothing outside of this folder is found; '' = no bound."""
        self.root = root
        self.disk = Disk()
        self._roots: dict[tuple[str, str], tuple[str, ...]] = {}

    def module_name(self, path: str) -> str:
        """The dotted name of a file by the packages around it: 'pkg.sub.work', 'pkg' for pkg/__init__.py."""
        folder, file = os.path.split(path)
        parts = [] if file == "__init__.py" else [file.rpartition(".")[0]]
        while self._is_package(folder):
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

    def entries(self, path: str, word: str) -> tuple[str, ...]:
        """Files that hold `word` and from which a program that imports this one may start: __main__.py of its top package,
        scripts beside that."""
        folder = package = os.path.dirname(path)
        while self._is_package(folder):
            package, folder = folder, os.path.normpath(os.path.join(folder, os.pardir))
        main = os.path.join(package, "__main__.py")
        found = [main] if self.disk.mentions(main, word) else []
        if self._inside(os.path.join(folder, "x.py")):
            folder = folder or os.curdir
            found += (os.path.join(folder, name) for name in self.disk.mentioning(folder, word))
        own = os.path.normpath(path)
        return tuple(each for each in found if os.path.normpath(each) != own)

    def _is_package(self, folder: str) -> bool:
        return self.disk.is_file(os.path.join(folder, "__init__.py"))

    def _inside(self, path: str) -> bool:
        return not self.root or self.disk.real(path).startswith(self.disk.real(self.root) + os.sep)

    def _import_roots(self, importer: str) -> tuple[str, ...]:
        """Folders that a file's absolute imports start from: its package's parent, its own folder, the root of its project and of
        the run, and src in them."""
        folder = package = os.path.dirname(importer)
        while self._is_package(package):
            package = os.path.normpath(os.path.join(package, os.pardir))
        known = self._roots.get((folder, package))
        if known is None:
            roots = [package, folder]
            project = self._project(folder)
            if project is not None:
                roots += [project, os.path.join(project, "src")]
            if self.root:
                inside = os.path.relpath(self.root) if not os.path.isabs(importer) else self.root
                roots += [inside, os.path.join(inside, "src")]
            known = tuple(dict.fromkeys(os.path.normpath(root or os.curdir) for root in roots))
            self._roots[folder, package] = known
        return known

    def _project(self, folder: str) -> str | None:
        """The nearest folder that is marked as a project: a run may look at several, and one file means the same in each run."""
        while self._inside(os.path.join(folder, _MARKS[0])):
            if any(self.disk.is_file(os.path.join(folder, mark)) for mark in _MARKS):
                return folder
            above = os.path.dirname(folder)
            if above == folder or os.path.basename(folder) == os.pardir:
                return None
            folder = above
        return None

    def _below(self, root: str, parts: list[str]) -> tuple[str, int] | None:
        """The file of the longest prefix of a name that is a module below `root`, and the prefix's length."""
        folder = root
        for index, part in enumerate(parts):
            file = os.path.join(folder, f"{part}.py")
            inner = os.path.join(folder, part)
            # a package wins over a module of the same name, as it does in Python
            if self._is_package(inner) or (self.disk.is_folder(inner) and not self.disk.is_file(file)):
                folder = inner
                continue
            if self.disk.is_file(file):
                return file, index + 1
            return (os.path.join(folder, "__init__.py"), index) if index and self._is_package(folder) else None
        return (os.path.join(folder, "__init__.py"), len(parts)) if self._is_package(folder) else None
