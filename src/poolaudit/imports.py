"""'I need name X of module Y': how to spell it in this file, and the edit that brings it into reach.

Knows import statements as text and the file's facts. Must never know a rule, a syntax tree of libcst or a file on disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from poolaudit.edits import Edit, ImportRequest
from poolaudit.facts import FileFacts


@dataclass(frozen=True, slots=True)
class Spelling:
    """How to write a name here. `requests` go into Fix.imports; empty when an import that stands already reaches it."""

    text: str
    requests: tuple[ImportRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a name cannot be brought into reach."""

    reason: Literal["shadowed", "no-place"]
    message: str


def spell(file: FileFacts, module: str, name: str = "") -> Spelling | Refusal:
    """How code of this file writes `name` of `module` (or the module itself), preferring imports that stand already.

    spell(file, "concurrent.futures", "TimeoutError") may give 'concurrent.futures.TimeoutError' where `import concurrent.futures`
    stands, 'futures.TimeoutError' after `from concurrent import futures`, else 'TimeoutError' with a request, or a Refusal
    when that name means something else in the file.
    """
    raise NotImplementedError


def place(file: FileFacts, requests: Iterable[ImportRequest]) -> tuple[Edit, ...] | Refusal:
    """The edits that satisfy all requests at once: none for those that are in reach already, one insertion for the rest."""
    raise NotImplementedError
