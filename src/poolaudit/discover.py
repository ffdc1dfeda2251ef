"""Which files of the given paths can mention a process pool at all.

Knows folders, gitignore, excludes, the byte needles and the gate by `ast`; both are derived from survey.families.
Must never import libcst, and must never know a rule or the command line: it is most of the cost of a tree without pools.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from poolaudit.config import Config
from poolaudit.report import Problem
from poolaudit.source import SourceFile


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found below the paths."""

    candidates: tuple[SourceFile, ...]
    """Files that passed needles and gate, read and decoded, sorted by name."""
    files_scanned: int
    """Python files that were looked at."""
    scanned: tuple[str, ...]
    """Their names, sorted (for --show-files)."""
    problems: tuple[Problem, ...]
    """PA001 for unreadable folders, paths that do not exist and candidates that cannot be decoded."""
    full: bool
    """The paths cover the root of the configuration: every file of the project was looked at."""


def discover(paths: Iterable[str], config: Config) -> Discovery:
    """Looks at `paths` (files and folders). Never raises for what it finds on disk: that becomes problems."""
    raise NotImplementedError


def may_hold_pool(data: bytes) -> bool:
    """The needles, then the gate: False proves that the file neither makes nor configures a process pool."""
    raise NotImplementedError
