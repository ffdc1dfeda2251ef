"""Comments that speak to poolaudit: ignore[..], ignore-file[..], noqa and assume[..].

Knows the comments' syntax and which lines each one covers. Must never know a rule (codes and names are plain
text here), a survey, a file on disk or how findings are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment that silences findings."""

    kind: Literal["ignore", "ignore-file", "noqa"]
    rules: tuple[str, ...]
    """Codes or names as written."""
    reason: str
    line: int
    """The comment's own line, from 1."""
    start: int
    end: int
    """The comment as code-point offsets."""
    own_line: bool
    """Nothing but the comment stands on its line: it speaks for the next line of code."""
    target: int
    """The line it speaks for: its own, or the next line of code."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """One word of `# poolaudit: assume[word, ...] reason`: a fact that the tool cannot see."""

    word: str
    line: int
    """The line of code that it speaks for: its own, or, for a comment on its own line, the next one. From 1."""
    reason: str
    start: int = 0
    end: int = 0
    """The comment as code-point offsets."""


def suppressions(text: str) -> tuple[Suppression, ...]:
    """All suppressing comments of the text, in order."""
    raise NotImplementedError


def assumptions(text: str) -> tuple[Assumption, ...]:
    """All assumptions of the text, in order, one per word."""
    raise NotImplementedError
