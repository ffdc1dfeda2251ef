"""The interpreters of this machine, one per minor version.

Knows where interpreters are found. Must never know what is run with them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .fixture import ON_REQUEST, Version

ENVIRONMENT = "POOLAUDIT_INTERPRETERS"
"""Paths of interpreters, separated as in PATH."""

INSTALLED = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "poolaudit" / "pythons" / "bin"
"""Where scripts/install_python.py leaves python3.X."""

Interpreters = dict[Version, Path]


def version_of(interpreter: Path) -> Version | None:
    """What the interpreter says of itself; None when it does not start or is not CPython."""
    question = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        answer = subprocess.run([interpreter, "-c", question], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.fullmatch(r"cpython (\d+) (\d+)\s*", answer.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _pyenv() -> Iterator[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    if root.is_dir():
        numbered = [folder for folder in root.iterdir() if re.fullmatch(r"3\.\d+\.\d+", folder.name)]
        for folder in sorted(numbered, key=lambda f: [int(part) for part in f.name.split(".")], reverse=True):
            yield folder / "bin" / "python"


def _by_name() -> Iterator[Path]:
    for major, minor in ON_REQUEST:
        name = f"python{major}.{minor}"
        for found in (INSTALLED / name, shutil.which(name)):
            if found and os.path.exists(found):
                yield Path(found)


def find_interpreters(given: Iterable[str] = ()) -> Interpreters:
    """Version to interpreter. Given ones win over POOLAUDIT_INTERPRETERS, then the running one, pyenv's, installed ones, PATH.

    Raises ValueError for one that is named and does not start.
    """
    named = [Path(path) for path in (*given, *os.environ.get(ENVIRONMENT, "").split(os.pathsep)) if path]
    found: Interpreters = {}
    for path in named:
        version = version_of(path)
        if version is None:
            raise ValueError(f"{path} is not a CPython that starts")
        found.setdefault(version, path)
    found.setdefault(sys.version_info[:2], Path(sys.executable))
    for path in (*_pyenv(), *_by_name()):
        # the version in a name spares a start; shims of uninstalled versions do not start at all
        hint = re.search(r"python(3)\.(\d+)$|/(3)\.(\d+)\.\d+/bin/python$", str(path))
        digits = [int(part) for part in hint.groups() if part] if hint else []
        if tuple(digits) in found:
            continue
        version = version_of(path)
        if version is not None:
            found.setdefault(version, path)
    return {version: found[version] for version in sorted(found) if version in ON_REQUEST}
