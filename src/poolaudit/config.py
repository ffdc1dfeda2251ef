"""The project's configuration: [tool.poolaudit] of pyproject.toml, or poolaudit.toml, and requires-python.

Knows keys, their types, where the files are looked for and how a version range becomes the set of supported Pythons.
Must never know which rules exist (selectors are strings here; the catalog resolves them), a survey or the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from poolaudit.rule import Confidence, Severity
from poolaudit.settings import Settings

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox", ".pants.d",
    ".poolaudit_cache", ".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode", "__pycache__",
    "__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip
"""Folders that are not the project's own code."""


class ConfigError(Exception):
    """Bad configuration or a bad selector: the message names file, key or line, and guesses what was meant."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a run is asked to do. Selectors are codes, names or prefixes, not resolved yet."""

    root: Path
    """Absolute folder that patterns are relative to: the configuration file's, else the project's, else where the search began."""
    file: Path | None = None
    """The configuration file that was used."""
    select: tuple[str, ...] = ()
    """Empty: the rules that are on by default."""
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pattern (gitignore syntax, relative to root) -> selectors."""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    """Excludes hold for files named explicitly too."""
    settings: Settings = field(default_factory=Settings)
    confidence: Confidence = "certain"
    """'likely' shows likely findings too."""
    fail_on: Severity = "warning"
    """The least severity that makes the exit status 1."""


def load(start: Path | str, *, config_file: Path | str | None = None, isolated: bool = False) -> Config:
    """The configuration for `start` (a file or folder): the nearest poolaudit.toml, or pyproject.toml with [tool.poolaudit].

    The search goes from `start` upwards. `config_file` is used instead of it. `isolated` ignores our own configuration;
    requires-python of the nearest pyproject.toml is read in every case. Raises ConfigError.
    """
    raise NotImplementedError


def override(
    config: Config,
    *,
    select: Sequence[str] = (),
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    exclude: Sequence[str] = (),
    extend_exclude: Sequence[str] = (),
    target_version: Sequence[str] = (),
    confidence: str | None = None,
    fail_on: str | None = None,
    force_exclude: bool = False,
) -> Config:
    """`config` with what the command line says. An empty value leaves the configured one.

    `select` and `exclude` and `target_version` replace; the `extend_` ones and `ignore` add.
    `target_version`: "3.10" or "py310", each element may be a comma-separated list. Raises ConfigError.
    """
    raise NotImplementedError


def common_folder(paths: Sequence[str]) -> Path:
    """The deepest folder that holds all `paths`, where the search for the configuration begins; for none the working folder."""
    raise NotImplementedError
