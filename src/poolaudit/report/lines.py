"""The lines of a reported text: places for spans, and the text of a line without its newline.

Knows what source.Lines knows, and where a line's text ends. Must never know what the text means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from poolaudit import source

if TYPE_CHECKING:
    from poolaudit.facts import FileFacts, Span


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

    def bounds(self, line: int) -> tuple[int, int]:
        """Where a line starts, and where it ends without its newline."""
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self._text)
        return start, start + len(self._text[start:end].rstrip("\r\n"))

    def text_of(self, line: int) -> str:
        """A line without its newline."""
        start, end = self.bounds(line)
        return self._text[start:end]


class Sources:
    """The lines of a file, and of the other files of the project that its facts point into."""

    def __init__(self, facts: FileFacts) -> None:
        self._facts = facts
        self.own = Lines(facts.text)
        self._others: dict[str, Lines] = {}

    def of(self, span: Span) -> Lines:
        """The lines of the file that the span lies in."""
        if not span.path:
            return self.own
        if span.path not in self._others:
            self._others[span.path] = Lines(self._facts.other_texts[span.path])
        return self._others[span.path]

    def path(self, span: Span | None) -> str:
        """The file that the span lies in; without one the file itself."""
        return span.path or self._facts.path if span is not None else self._facts.path

    def line(self, span: Span | None) -> int | None:
        """The line on which a span starts, in its own file."""
        return None if span is None else self.place(span).line

    def place(self, span: Span) -> Place:
        """Where a span starts, in its own file."""
        return self.of(span).place(span.start)
