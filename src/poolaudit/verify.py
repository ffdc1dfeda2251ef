"""The gate before any byte is written: is the new text what the fixes promised, and nothing else?

Knows two texts, the edits between them and the supported Pythons. Must never know a rule, the catalog or a file on disk; what a
re-survey found is told to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from poolaudit.edits import Edit
from poolaudit.settings import Version


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a rewrite is not written. `line` from 1 in the new text, 0 when unknown."""

    reason: Literal["syntax", "changed-elsewhere", "comment-lost", "still-found", "new-finding", "unstable"]
    message: str
    line: int = 0


def check_text(before: str, after: str, edits: Sequence[Edit], targets: Iterable[Version]) -> Rejection | None:
    """What the texts alone say: `after` compiles for each target, statements without an edit are unchanged, comments kept."""
    raise NotImplementedError
