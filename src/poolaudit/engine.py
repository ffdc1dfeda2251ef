"""The loops: audit files, rewrite files.

Knows the order of work: discover, survey, decide, ask the rules, settle severity, suppression and supersession; apply fixes
to a fixed point and verify before writing. Must never know the command line, an output format or a syntax tree. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from poolaudit.config import Config
from poolaudit.report import FileReport, Report, Reported
from poolaudit.source import SourceFile

Progress = Callable[[str, int, int], None]
"""Called before each candidate is surveyed: its name, how many are done, how many there are."""

ROUNDS = 10
"""Rewriting ends after so many rounds at the latest."""


@dataclass(frozen=True, slots=True)
class FilePatch:
    """One file that fixes change: verified, written only when asked."""

    source: SourceFile
    """The file as it was."""
    after: str
    """The new text."""
    fixed: tuple[Reported, ...]
    """The findings whose fixes are in it."""

    @property
    def path(self) -> str:
        return self.source.name

    @property
    def before(self) -> str:
        return self.source.text


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a rewrite did, or would do. Rejected fixes are problems of their file in `report`."""

    report: Report
    """The audit of the new texts."""
    patches: tuple[FilePatch, ...]


def audit(paths: Iterable[str], config: Config, *, progress: Progress | None = None) -> Report:
    """Audits every candidate below `paths`. Raises ConfigError for an unknown rule in the configuration, nothing else."""
    raise NotImplementedError


def audit_source(source: SourceFile, config: Config) -> FileReport:
    """Audits one file, whether or not the gate would let it pass. Raises ConfigError."""
    raise NotImplementedError


def audit_stdin(data: bytes, name: str, config: Config) -> Report:
    """Audits what an editor or a hook sends on standard input under the name of a file. Excludes hold with force_exclude only."""
    raise NotImplementedError


def rewrite(
    paths: Iterable[str], config: Config, *, unsafe: bool = False, write: bool = False, progress: Progress | None = None
) -> Rewrite:
    """Applies fixes to a fixed point, verifies, and writes when `write`. Raises ConfigError."""
    raise NotImplementedError


def rewrite_stdin(data: bytes, name: str, config: Config, *, unsafe: bool = False) -> Rewrite:
    """As `rewrite` for standard input; nothing is written: the new text is in the patch, if there is one."""
    raise NotImplementedError
