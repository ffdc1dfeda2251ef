"""The lines of a reported text: places for spans, and the text of a line without its newline.

Knows what source.Lines knows, and where a line's text ends. Must never know what the text means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from poolaudit import source

if TYPE_CHECKING:
    from poolaudit.facts import Span


class Place(NamedTuple):
    """A point of a text. Line and column count from 1."""

    line: int
    column: int


class Lines(source.Lines):
    """The lines of one text, for any number of look-ups."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def place(self, offset: int) -> Place:
        """The place of a character; past the end it is the end."""
        return Place(*self.position(min(max(offset, 0), len(self._text))))

    def line_of(self, span: Span | None) -> int | None:
        """The line on which a span starts."""
        return None if span is None else self.place(span.start).line

    def bounds(self, line: int) -> tuple[int, int]:
        """Where a line starts, and where it ends without its newline."""
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self._text)
        return start, start + len(self._text[start:end].rstrip("\r\n"))

    def text_of(self, line: int) -> str:
        """A line without its newline."""
        start, end = self.bounds(line)
        return self._text[start:end]
