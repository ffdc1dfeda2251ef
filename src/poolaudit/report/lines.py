"""Lines and columns of a text, both from 1, columns in code points.

Knows where Python's lines end (line feed, carriage return, both together; never form feed). Must never know what the text means.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from poolaudit.facts import Span

_LINE_END = re.compile(r"\r\n|\n|\r")


class Place(NamedTuple):
    """A point of a text. Line and column count from 1."""

    line: int
    column: int


class Lines:
    """The lines of one text, for any number of look-ups."""

    def __init__(self, text: str) -> None:
        self._text = text
        ends = list(_LINE_END.finditer(text))
        self._starts = [0, *(match.end() for match in ends)]
        self._ends = [*(match.start() for match in ends), len(text)]

    def place(self, offset: int) -> Place:
        """The place of a character; past the end it is the end."""
        offset = min(max(offset, 0), len(self._text))
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def line_of(self, span: Span | None) -> int | None:
        """The line on which a span starts."""
        return None if span is None else self.place(span.start).line

    def bounds(self, line: int) -> Span:
        """The characters of a line, without its newline."""
        return Span(self._starts[line - 1], self._ends[line - 1])

    def text_of(self, line: int) -> str:
        """A line without its newline."""
        bounds = self.bounds(line)
        return self._text[bounds.start : bounds.end]
