"""Edits of text, and fixes made of them.

Knows spans, replacements, and how several fixes land on one text without losing each other.
Must never know a rule, a fact, a syntax tree or a file on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from poolaudit.facts import Span


class Edit(Struct, frozen=True, order=True):
    """Replace the characters start to end by `replacement`; start == end inserts. Prefer two insertions to one replacement."""

    start: int
    end: int
    replacement: str


class ImportRequest(Struct, frozen=True, order=True):
    """`name` of `module` must be in reach at module level: `from module import name`, or `import module` when name is empty."""

    module: str
    name: str = ""


class Caveat(Struct, frozen=True):
    """A named change of behaviour that a fix brings."""

    name: str
    message: str


class Fix(Struct, frozen=True):
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
    """An edit that replaces a span. Raises ValueError for a span of another file: a fix stays in its own."""
    if span.path:
        raise ValueError(f"a fix must not edit {span.path}")
    return Edit(span.start, span.end, text)


class Patch(Struct, frozen=True):
    """What became of a text and of the fixes for it."""

    text: str
    applied: tuple[int, ...]
    """Indexes of the fixes that are in `text`, ascending."""
    deferred: tuple[int, ...]
    """Indexes of those that overlap an applied one: they must be made anew from the new text."""
    edits: tuple[Edit, ...]
    """What was done to the old text, by position."""


def apply(text: str, fixes: Sequence[Sequence[Edit]]) -> Patch:
    """Applies fixes in the order given, each as a whole or not at all.

    A fix that overlaps one that was taken before it is deferred. So is one that inserts where another fix inserts, or at the
    border of its replacement, because neither knew of the other; only whole lines that were inserted first are no obstacle.
    A fix whose every edit is done by others already counts
    as applied. Raises ValueError for an edit outside the text, or edits of one fix that overlap.
    """
    taken: list[Edit] = []
    applied: list[int] = []
    deferred: list[int] = []
    for index, fix in enumerate(fixes):
        for edit in fix:
            if not 0 <= edit.start <= edit.end <= len(text):
                raise ValueError(f"an edit of {edit.start}:{edit.end} is outside a text of {len(text)} characters")
        if all(edit in taken for edit in fix):
            applied.append(index)
        elif any(_collide(other, edit) for edit in fix for other in taken):
            deferred.append(index)
        else:
            applied.append(index)
            taken.extend(fix)
    # stable: insertions of one fix at one place keep their order
    taken.sort(key=lambda edit: (edit.start, edit.end))
    return Patch(_splice(text, taken), tuple(applied), tuple(deferred), tuple(taken))


def _collide(taken: Edit, edit: Edit) -> bool:
    if taken.start == taken.end or edit.start == edit.end:
        if taken.end < edit.start or edit.end < taken.start:
            return False
        # whole lines that come first stand before anything else that begins at their place
        first, second = sorted((taken, edit), key=lambda each: each.end)
        return not (first.start == first.end == second.start and first.replacement.endswith(("\n", "\r")))
    return taken.start < edit.end and edit.start < taken.end


def _splice(text: str, edits: Sequence[Edit]) -> str:
    parts: list[str] = []
    position = 0
    for edit in edits:
        if edit.start < position:
            raise ValueError(f"two edits of one fix overlap at {edit.start}")
        parts += text[position : edit.start], edit.replacement
        position = edit.end
    parts.append(text[position:])
    return "".join(parts)
