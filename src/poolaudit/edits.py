"""Edits of text, and fixes made of them.

Knows spans, replacements, and how several fixes land on one text without losing each other.
Must never know a rule, a fact, a syntax tree or a file on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from poolaudit.facts import Span


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters start to end by `replacement`; start == end inserts. Prefer two insertions to one replacement."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True, order=True)
class ImportRequest:
    """`name` of `module` must be in reach at module level: `from module import name`, or `import module` when name is empty."""

    module: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Caveat:
    """A named change of behaviour that a fix brings."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that land together or not at all. safe: behaviour is kept, or exactly the reported harm is gone."""

    title: str
    applicability: Literal["safe", "unsafe"]
    edits: tuple[Edit, ...]
    imports: tuple[ImportRequest, ...] = ()
    caveats: tuple[Caveat, ...] = ()


def insert(offset: int, text: str) -> Edit:
    """An edit that only adds."""
    return Edit(offset, offset, text)


def replace(span: Span, text: str) -> Edit:
    """An edit that replaces a span."""
    return Edit(span.start, span.end, text)


@dataclass(frozen=True, slots=True)
class Patch:
    """What became of a text and of the fixes for it."""

    text: str
    applied: tuple[int, ...]
    """Indexes of the fixes that are in `text`, ascending."""
    deferred: tuple[int, ...]
    """Indexes of those that overlap an applied one: they must be made anew from the new text."""
    edits: tuple[Edit, ...]
    """What was done to the old text, by position."""


def apply(text: str, fixes: Sequence[Sequence[Edit]]) -> Patch:
    """Applies fixes in the order given, each as a whole or not at all; a later one that touches an earlier one's range is deferred."""
    raise NotImplementedError
